import { sha256 } from '#foundation/crypto/sha256.ts'
import { type Database, toJson } from '#foundation/database/database.ts'
import { type Algorithm, clients, scope } from './clients.ts'

const daySeconds = 86_400

/** Refresh tokens of one client, each with a grant of its own. @returns the tokens */
export async function insertRefreshTokens({ db }: Database, algorithm: Algorithm, count: number): Promise<string[]> {
  const { clientId } = clients[algorithm]
  const tokens = Array.from({ length: count }, (_, i) => `bench${algorithm}refresh${String(i).padStart(26, '0')}`)
  const now = Math.floor(Date.now() / 1000)
  const expiresAt = new Date((now + daySeconds) * 1000)
  const common = { clientId, organizationId: 'org_bench', expiresAt }
  await db
    .insertInto('oauthGrants')
    .values(
      tokens.map((_, i) => ({
        ...common,
        id: `grant_${algorithm}_${i}`,
        userId: `usr_${i}`,
        payload: toJson({
          kind: 'Grant',
          accountId: `usr_${i}`,
          clientId,
          iat: now,
          exp: now + daySeconds,
          openid: { scope },
        }),
      })),
    )
    .execute()
  await db
    .insertInto('credentials')
    .values(
      tokens.map((token, i) => ({
        ...common,
        hash: sha256(token),
        format: 'opaque' as const,
        kind: 'refresh_token' as const,
        id: `tok_${algorithm}_${i}`,
        name: null,
        grantId: `grant_${algorithm}_${i}`,
        userId: `usr_${i}`,
        scope,
        audience: null,
        payload: toJson({
          kind: 'RefreshToken',
          accountId: `usr_${i}`,
          clientId,
          grantId: `grant_${algorithm}_${i}`,
          gty: 'authorization_code',
          scope,
          rotations: 0,
          iat: now,
          iiat: now,
          exp: now + daySeconds,
          authTime: now,
        }),
        spentAt: null,
        revokedAt: null,
      })),
    )
    .execute()
  return tokens
}
