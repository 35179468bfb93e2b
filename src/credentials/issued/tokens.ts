import { sql } from 'kysely'
import { newId } from '#foundation/crypto/ids.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { fromJsonb, toJsonb } from '#foundation/database/jsonb.ts'

export interface NewToken {
  format: 'opaque' | 'jwt'
  kind: 'access_token' | 'refresh_token'
  /** What is hashed into the look-up column: the token itself, or a JWT's jti. */
  presented: string
  /** Undefined: a service account's, of its client's organization. */
  grantId: string | undefined
  clientId: string | undefined
  userId: string | undefined
  scope: string | undefined
  audience: string | undefined
  /** oidc-provider's own fields. */
  payload: Record<string, unknown>
  /** Seconds since the epoch, as a JWT names them; undefined: now, by the database's clock. */
  issuedAt: number | undefined
  lifetimeSeconds: number
}

/** Records a token that was issued: without its row it is inactive, a JWT as well. */
export async function insertToken(db: Queryable, token: NewToken): Promise<void> {
  const { format, kind, presented, grantId, clientId, lifetimeSeconds } = token
  const issuedAt = token.issuedAt === undefined ? sql<Date>`now()` : sql<Date>`to_timestamp(${token.issuedAt})`
  await db
    .insertInto('credentials')
    .values((values) => ({
      hash: sha256(presented),
      format,
      kind,
      id: format === 'jwt' ? presented : newId('token'),
      grantId: grantId ?? null,
      clientId: clientId ?? null,
      userId: token.userId ?? null,
      organizationId: grantId
        ? values.selectFrom('oauthGrants').select('organizationId').where('id', '=', grantId)
        : values
            .selectFrom('clients')
            .select('organizationId')
            .where('clientId', '=', clientId ?? ''),
      scope: token.scope ?? '',
      audience: token.audience ?? null,
      payload: toJsonb(token.payload),
      issuedAt,
      expiresAt: sql<Date>`${issuedAt} + make_interval(secs => ${lifetimeSeconds})`,
    }))
    .execute()
}

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

/** The grant of a token that was spent before, by its id; undefined of one that has only expired. */
export async function grantOfSpentToken(db: Queryable, hash: Buffer): Promise<string | undefined> {
  const token = await db
    .selectFrom('credentials')
    .select('grantId')
    .where('hash', '=', hash)
    .where('spentAt', 'is not', null)
    .executeTakeFirst()
  return token?.grantId ?? undefined
}
