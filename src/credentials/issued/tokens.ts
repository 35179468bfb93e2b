import { sql } from 'kysely'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { fromJsonb } from '#foundation/database/jsonb.ts'
import type { NewToken } from './issue-tokens.ts'

export interface StoredToken {
  payload: Record<string, unknown>
  spentAt: Date | null
}

/** A token of one format and kind that was not revoked, spent or not. @param presented the token, or a JWT's jti */
export async function findToken(
  db: Queryable,
  { presented, format, kind }: Pick<NewToken, 'presented' | 'format' | 'kind'>,
): Promise<StoredToken | undefined> {
  const row = await db
    .selectFrom('credentials')
    .select([sql<string | null>`payload::text`.as('payload'), 'spentAt'])
    .where('hash', '=', sha256(presented))
    .where('format', '=', format)
    .where('kind', '=', kind)
    .where('revokedAt', 'is', null)
    .executeTakeFirst()
  return row?.payload ? { payload: fromJsonb(row.payload), spentAt: row.spentAt } : undefined
}

/**
 * Spends a refresh token: of any number of simultaneous redemptions of one, on all nodes, one wins; the others wait for it.
 * @returns what it hands on to the next one; undefined when it is no live refresh token any more
 */
export async function spendRefreshToken(tx: Queryable, hash: Buffer): Promise<Record<string, unknown> | undefined> {
  const spent = await tx
    .updateTable('credentials')
    .set({ spentAt: sql<Date>`now()` })
    .where('hash', '=', hash)
    .where('kind', '=', 'refresh_token')
    .where('spentAt', 'is', null)
    .where('revokedAt', 'is', null)
    .where('expiresAt', '>', sql<Date>`now()`)
    .returning('payload')
    .executeTakeFirst()
  return spent?.payload ?? undefined
}
