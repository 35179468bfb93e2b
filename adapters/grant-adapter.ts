import { type Adapter, type AdapterPayload, errors, Provider } from 'oidc-provider'
import { findLiveGrant, saveGrant } from '#credentials/grants/grant-queries.ts'
import { revokeGrant } from '#credentials/revocation/revocation.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { fromJsonb } from '#foundation/database/jsonb.ts'
import { rememberParties } from '#protocol/request/grant-parties.ts'
import { grantOfHolder } from '#protocol/request/scope-of-holder.ts'
import { currentExchange, foundAs } from '#protocol/request/token-exchange.ts'

/** What `src/protocol/provider/grant.ts` adds to oidc-provider's Grant: the organization it is for and the session that gave it. */
type GrantPayload = AdapterPayload & { organizationId?: string; sessionUid?: string }

/** oidc-provider's Grant in `oauth_grants`. A grant is never deleted while it could still be asked for: it is revoked. */
export function grantAdapter(db: () => Queryable): Adapter {
  return {
    async upsert(id, payload: GrantPayload, expiresIn = 0) {
      const { jti: _, organizationId, sessionUid, ...rest } = payload
      if (!organizationId) throw new Error('a grant is always for an organization')
      const saved = await saveGrant(db(), {
        id,
        clientId: payload.clientId ?? '',
        userId: payload.accountId ?? '',
        organizationId,
        sessionUid,
        payload: rest,
        lifetimeSeconds: expiresIn,
      })
      if (!saved) throw new errors.LoginRequired('the session has ended')
    },
    async find(id) {
      const known = foundAs(currentExchange()?.found.grant, id)
      const grant = known ? known.is : await findLiveGrant(db(), id)
      if (!grant) return undefined
      const { payload, userId, organizationId, sessionUid, email, emailVerifiedAt, slug } = grant
      rememberParties({
        user: { id: userId, name: grant.userName, email, emailVerifiedAt },
        organization: { id: organizationId, slug, name: grant.organizationName },
      })
      const stored: AdapterPayload = {
        ...fromJsonb(JSON.stringify(payload)),
        jti: id,
        organizationId,
        sessionUid: sessionUid ?? undefined,
      }
      const { route, params } = Provider.ctx?.oidc ?? {}
      return route === 'token' ? grantOfHolder(stored, grant.permissions, params?.scope as string | undefined) : stored
    },
    async destroy(id) {
      const exchange = currentExchange()
      if (exchange) exchange.endedGrants.push(id)
      else await revokeGrant(db(), id)
    },
    // The library calls none of these on a Grant.
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    consume: async () => undefined,
    revokeByGrantId: async () => undefined,
  }
}
