import { type Adapter, type AdapterPayload, Provider } from 'oidc-provider'
import { type Holder, issueTokens, type NewToken } from '#credentials/issued/issue-tokens.ts'
import { findToken } from '#credentials/issued/tokens.ts'
import { revokeToken } from '#credentials/revocation/revocation.ts'
import { sha256, sha256Hex } from '#foundation/crypto/sha256.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { currentExchange, foundAs } from '#protocol/request/token-exchange.ts'
import { verifiedJwtId } from '#protocol/request/verified-jwt.ts'

export type CredentialModel = 'AccessToken' | 'RefreshToken' | 'ClientCredentials'

/**
 * oidc-provider's access and refresh tokens as rows of `credentials`, where introspection finds them by the hash of what
 * is presented.
 */
export function credentialAdapter(model: CredentialModel, db: () => Queryable): Adapter {
  return {
    upsert: (id, payload, expiresIn = 0) => recordToken(db, holderOf(payload), opaqueToken(id, payload, expiresIn)),
    async find(id) {
      const token = await findStored(model, db, id)
      if (token?.payload.kind !== model) return undefined
      const { payload, spentAt } = token
      return { ...payload, jti: id, ...(spentAt && { consumed: Math.floor(spentAt.getTime() / 1000) }) }
    },
    async consume(id) {
      const exchange = currentExchange()
      if (!exchange) throw new Error('a refresh token is spent by a token request alone')
      exchange.refreshTokenHash = sha256Hex(id)
    },
    destroy: (id) => revokeToken(db(), sha256(id)),
    // The grant itself is revoked with it, and no token of a revoked grant is live.
    revokeByGrantId: async () => undefined,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
  }
}

/** Within a token request it is noted with whatever else that does; any other way of issuing has a transaction of its own. */
export async function recordToken(db: () => Queryable, holder: Holder, token: NewToken): Promise<void> {
  const exchange = currentExchange()
  if (exchange) return exchange.issue(holder, token)
  const issued = await inTransaction(db(), (tx) => issueTokens(tx, { ...holder, tokens: [token] }))
  if (!issued) throw new Error('what the token was to hang on has ended meanwhile')
}

function findStored(model: CredentialModel, db: () => Queryable, id: string) {
  const known = model === 'RefreshToken' ? foundAs(currentExchange()?.found.refreshToken, sha256Hex(id)) : undefined
  if (known) return known.is
  const format = isVerifiedJwtId(id) ? 'jwt' : 'opaque'
  return findToken(db(), { presented: id, format, kind: kindOf(model) })
}

function isVerifiedJwtId(id: string): boolean {
  return Provider.ctx !== undefined && verifiedJwtId.get(Provider.ctx) === id
}

function holderOf({ grantId, clientId = '', accountId }: AdapterPayload): Holder {
  return { grantId, clientId, userId: accountId }
}

/** As the library stores it. @param lifetimeSeconds from now */
function opaqueToken(presented: string, payload: AdapterPayload, lifetimeSeconds: number): NewToken {
  const { jti: _, ...rest } = payload
  const { kind, scope, aud } = payload
  return {
    format: 'opaque',
    kind: kindOf(kind as CredentialModel),
    presented,
    scope,
    audience: typeof aud === 'string' ? aud : undefined,
    payload: rest,
    issuedAt: undefined,
    lifetimeSeconds,
  }
}

function kindOf(model: CredentialModel): 'access_token' | 'refresh_token' {
  return model === 'RefreshToken' ? 'refresh_token' : 'access_token'
}
