import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'

/*
 * An answer that hands out tokens is kept, encrypted, for the identical request within 10 s: a retry, a proxy's replay, a
 * double click. It commits together with what it tells of.
 */

const repeatSeconds = 10

/** The answer to this request, if it was given a moment ago. */
export async function findKeptAnswer(tx: Queryable, requestHash: Buffer): Promise<Buffer | undefined> {
  const row = await tx
    .selectFrom('tokenAnswers')
    .select('answer')
    .where('requestHash', '=', requestHash)
    .where('expiresAt', '>', sql<Date>`now()`)
    .executeTakeFirst()
  return row?.answer
}

export async function keepAnswer(tx: Queryable, requestHash: Buffer, answer: Buffer): Promise<void> {
  const expiresAt = sql<Date>`now() + make_interval(secs => ${repeatSeconds})`
  await tx
    .insertInto('tokenAnswers')
    .values({ requestHash, answer, expiresAt })
    .onConflict((conflict) => conflict.column('requestHash').doUpdateSet({ answer, expiresAt }))
    .execute()
}

/**
 * The same in a `with` of a longer statement.
 * @param source the name of a `with` query with `request_hash` (hex; null: nothing is kept) and `answer` (base64)
 */
export function keptAnswersFrom(source: string): string {
  return `insert into token_answers (request_hash, answer, expires_at)
    select decode(request_hash, 'hex'), decode(answer, 'base64'), now() + interval '${repeatSeconds} seconds'
    from ${source} where request_hash is not null
    on conflict (request_hash) do update set answer = excluded.answer, expires_at = excluded.expires_at`
}

/**
 * Requests that renew tokens of one grant go one after the other, and none beside its revocation. The lock lets a token
 * request go on that has spent a refresh token and is about to insert the next: it could not wait for us, who wait for it.
 */
export async function lockGrantOf(tx: Queryable, tokenHash: Buffer): Promise<void> {
  await sql`select 1 from oauth_grants g join credentials c on c.grant_id = g.id
    where c.hash = ${tokenHash} for no key update of g`.execute(tx)
}
