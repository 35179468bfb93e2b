import { type Adapter, type AdapterPayload, Provider } from 'oidc-provider'
import { findToken, grantOfSpentToken, insertToken, spendRefreshToken } from '#credentials/issued/tokens.ts'
import { revokeToken } from '#credentials/revocation/revocation.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { answerReuse } from '#protocol/library/refresh-token-reuse.ts'
import { verifiedJwtId } from '#protocol/request/verified-jwt.ts'

export type CredentialModel = 'AccessToken' | 'RefreshToken' | 'ClientCredentials'

/**
 * oidc-provider's access and refresh tokens as rows of `credentials`, where introspection finds them by the hash of what
 * is presented.
 */
export function credentialAdapter(model: CredentialModel, db: () => Queryable): Adapter {
  return {
    upsert: (id, payload, expiresIn = 0) => recordToken(db(), { presented: id, payload, expiresIn }),
    async find(id) {
      const format = isVerifiedJwtId(id) ? 'jwt' : 'opaque'
      const token = await findToken(db(), { presented: id, format, kind: kindOf(model) })
      if (token?.payload.kind !== model) return undefined
      const { payload, spentAt } = token
      return { ...payload, jti: id, ...(spentAt && { consumed: Math.floor(spentAt.getTime() / 1000) }) }
    },
    async consume(id) {
      const hash = sha256(id)
      if (await spendRefreshToken(db(), hash)) return
      await answerReuse(db(), await grantOfSpentToken(db(), hash))
    },
    destroy: (id) => revokeToken(db(), sha256(id)),
    // The grant itself is revoked with it, and no token of a revoked grant is live.
    revokeByGrantId: async () => undefined,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
  }
}

function isVerifiedJwtId(id: string): boolean {
  return Provider.ctx !== undefined && verifiedJwtId.get(Provider.ctx) === id
}

/** An opaque token as the library stores it. @param token.expiresIn seconds */
function recordToken(
  db: Queryable,
  { presented, payload, expiresIn }: { presented: string; payload: AdapterPayload; expiresIn: number },
): Promise<void> {
  const { jti: _, ...rest } = payload
  const { kind, grantId, accountId, clientId, scope, aud } = payload
  return insertToken(db, {
    format: 'opaque',
    kind: kindOf(kind as CredentialModel),
    presented,
    grantId,
    clientId,
    userId: accountId,
    scope,
    audience: typeof aud === 'string' ? aud : undefined,
    payload: rest,
    issuedAt: undefined,
    lifetimeSeconds: expiresIn,
  })
}

function kindOf(model: CredentialModel): 'access_token' | 'refresh_token' {
  return model === 'RefreshToken' ? 'refresh_token' : 'access_token'
}
