import { type Adapter, type AdapterPayload, Provider } from 'oidc-provider'
import { hasSessionEnded, recordSessionUse } from '#credentials/sessions/sessions.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { addressOf } from '#foundation/http/request-state.ts'

/**
 * oidc-provider's Session around its store: a row in `sessions` tells its owner where it is used, and lets it be ended
 * from elsewhere. An ended session is not found, on any node and in any store.
 */
export function sessionAdapter(store: Adapter, db: () => Queryable): Adapter {
  async function unlessEnded(payload: Awaited<ReturnType<Adapter['find']>>): Promise<AdapterPayload | undefined> {
    if (!payload) return undefined
    return payload.accountId && payload.uid && (await hasSessionEnded(db(), payload.uid)) ? undefined : payload
  }

  return {
    ...store,
    async upsert(id, payload, expiresIn) {
      await store.upsert(id, payload, expiresIn)
      const { uid, accountId } = payload
      if (!uid || !accountId) return
      const ctx = Provider.ctx
      await recordSessionUse(db(), {
        uid,
        userId: accountId,
        ip: ctx && addressOf(ctx),
        userAgent: ctx?.get('user-agent').slice(0, 256) || undefined,
      })
    },
    find: async (id) => unlessEnded(await store.find(id)),
    findByUid: async (uid) => unlessEnded(await store.findByUid(uid)),
  }
}
