import { type Adapter, type AdapterPayload, Provider } from 'oidc-provider'
import { isSessionLive, recordSessionUse } from '#credentials/sessions/sessions.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { addressOf } from '#foundation/http/request-state.ts'

/**
 * oidc-provider's Session around its store: a row in `sessions`, made when its person signs in
 * (`src/protocol/library/outdated-logins.ts`), tells its owner where it is used, and lets it be ended from elsewhere. An
 * ended session is not found, on any node and in any store.
 */
export function sessionAdapter(store: Adapter, db: () => Queryable): Adapter {
  async function unlessEnded(payload: Awaited<ReturnType<Adapter['find']>>): Promise<AdapterPayload | undefined> {
    if (!payload?.accountId || !payload.uid) return payload || undefined
    return (await isSessionLive(db(), payload.uid)) ? payload : undefined
  }

  return {
    ...store,
    async upsert(id, payload, expiresIn) {
      await store.upsert(id, payload, expiresIn)
      const { uid, accountId } = payload
      const ctx = Provider.ctx
      if (uid && accountId) await recordSessionUse(db(), { uid, ip: ctx && addressOf(ctx) })
    },
    find: async (id) => unlessEnded(await store.find(id)),
    findByUid: async (uid) => unlessEnded(await store.findByUid(uid)),
  }
}
