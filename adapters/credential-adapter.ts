import { sql } from 'kysely'
import { type Adapter, type AdapterPayload, Provider } from 'oidc-provider'
import { newId } from '#foundation/crypto/ids.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { fromJsonb, toJsonb } from '#foundation/database/jsonb.ts'
import { answerReuse } from '#protocol/library/refresh-token-reuse.ts'
import { verifiedJwtId } from '#protocol/request/verified-jwt.ts'

export type CredentialModel = 'AccessToken' | 'RefreshToken' | 'ClientCredentials'

interface NewCredential {
  format: 'opaque' | 'jwt'
  /** What is hashed into the look-up column: the token itself, or a JWT's jti. */
  presented: string
  payload: AdapterPayload
  expiresIn: number
}

/**
 * oidc-provider's access and refresh tokens as rows of `credentials`, where introspection finds them by the hash of what
 * is presented.
 */
export function credentialAdapter(model: CredentialModel, db: () => Queryable): Adapter {
  const kind = model === 'RefreshToken' ? 'refresh_token' : 'access_token'
  return {
    upsert: (id, payload, expiresIn = 0) =>
      insertCredential(db(), { format: 'opaque', presented: id, payload, expiresIn }),
    async find(id) {
      const row = await db()
        .selectFrom('credentials')
        .select([sql<string | null>`payload::text`.as('payload'), 'spentAt'])
        .where('hash', '=', sha256(id))
        .where('format', '=', isVerifiedJwtId(id) ? 'jwt' : 'opaque')
        .where('kind', '=', kind)
        .where('revokedAt', 'is', null)
        .executeTakeFirst()
      const payload = row?.payload ? fromJsonb(row.payload) : undefined
      if (!row || payload?.kind !== model) return undefined
      return { ...payload, jti: id, ...(row.spentAt && { consumed: Math.floor(row.spentAt.getTime() / 1000) }) }
    },
    /** Compare-and-set: of any number of simultaneous redemptions of one refresh token one wins; the others wait for it. */
    async consume(id) {
      const spent = await db()
        .updateTable('credentials')
        .set({ spentAt: new Date() })
        .where('hash', '=', sha256(id))
        .where('spentAt', 'is', null)
        .where('revokedAt', 'is', null)
        .returning('grantId')
        .executeTakeFirst()
      if (spent) return
      const row = await db()
        .selectFrom('credentials')
        .select('grantId')
        .where('hash', '=', sha256(id))
        .executeTakeFirst()
      await answerReuse(db(), row?.grantId)
    },
    async destroy(id) {
      await db()
        .updateTable('credentials')
        .set({ revokedAt: new Date() })
        .where('hash', '=', sha256(id))
        .where('revokedAt', 'is', null)
        .execute()
    },
    // The grant itself is revoked with it, and no token of a revoked grant is live.
    revokeByGrantId: async () => undefined,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
  }
}

function isVerifiedJwtId(id: string): boolean {
  return Provider.ctx !== undefined && verifiedJwtId.get(Provider.ctx) === id
}

/**
 * Records an issued token. The library stores opaque tokens through `upsert` and keeps no record of JWTs, so
 * `src/protocol/provider/provider.ts` calls this for them: a JWT without a row is inactive.
 * @param expiresIn seconds
 */
export async function insertCredential(db: Queryable, { format, presented, payload, expiresIn }: NewCredential) {
  const { jti: _, ...rest } = payload
  const { kind, grantId, accountId, clientId, scope, aud, iat } = payload
  // The seconds that a JWT names, so that introspection tells the same.
  const issuedAt = new Date((iat ?? Math.floor(Date.now() / 1000)) * 1000)
  await db
    .insertInto('credentials')
    .values((values) => ({
      hash: sha256(presented),
      format,
      kind: kind === 'RefreshToken' ? 'refresh_token' : 'access_token',
      id: format === 'jwt' ? presented : newId('token'),
      name: null,
      grantId: grantId ?? null,
      clientId: clientId ?? null,
      userId: accountId ?? null,
      organizationId: grantId
        ? values.selectFrom('oauthGrants').select('organizationId').where('id', '=', grantId)
        : values
            .selectFrom('clients')
            .select('organizationId')
            .where('clientId', '=', clientId ?? ''),
      scope: scope ?? '',
      audience: typeof aud === 'string' ? aud : null,
      payload: toJsonb(rest),
      issuedAt,
      expiresAt: new Date(issuedAt.getTime() + expiresIn * 1000),
      spentAt: null,
      revokedAt: null,
    }))
    .execute()
}
