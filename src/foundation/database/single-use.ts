import type { RawBuilder } from 'kysely'
import { sql } from 'kysely'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from './database.ts'

/**
 * Claims something that may happen once. The insert that succeeds is the winner, on every node; inside a transaction
 * others wait for its outcome, and a rolled-back claim is no claim.
 * @param name what is claimed: stored only as SHA-256
 * @returns whether this caller is the one
 */
export async function claimOnce(db: Queryable, name: string, expiresAt: Date | RawBuilder<Date>): Promise<boolean> {
  const claimed = await db
    .insertInto('singleUses')
    .values({ hash: sha256(name), expiresAt })
    .onConflict((conflict) => conflict.column('hash').doNothing())
    .returning('hash')
    .executeTakeFirst()
  return claimed !== undefined
}

/** Whether it was claimed before, as far as that has been committed. @param name as above */
export async function isClaimed(db: Queryable, name: string): Promise<boolean> {
  const claim = await db.selectFrom('singleUses').select('hash').where('hash', '=', sha256(name)).executeTakeFirst()
  return claim !== undefined
}

/**
 * Claims for many at once, as a `with` query of a statement whose plans are for rows found by keys.
 * @param source the name of a `with` query with `use_hash` (SHA-256 of the name, hex; null: nothing is claimed) and
 *   `use_seconds` (for how long it is kept); no hash twice
 * @returns SQL that returns `use_hash` of each that was claimed
 */
export function claimedFrom(source: string): string {
  return `insert into single_uses (hash, expires_at)
    select decode(use_hash, 'hex'), now() + use_seconds * interval '1 second' from ${source} where use_hash is not null
    on conflict (hash) do nothing returning encode(hash, 'hex') as use_hash`
}

/**
 * Takes the next turn of something that may happen once every so many seconds. One row decides over all nodes; a caller
 * that comes early moves the next turn back by as many seconds.
 * @param name what is taken in turns: stored only as SHA-256
 * @param earlySeconds how much too early still counts as in time, for what a network delays unevenly
 * @returns whether it is time
 */
export async function takeTurn(
  db: Queryable,
  name: string,
  { everySeconds, earlySeconds }: { everySeconds: number; earlySeconds: number },
): Promise<boolean> {
  const after = (seconds: number) => sql<Date>`now() + ${seconds} * interval '1 second'`
  const { inTime } = await db
    .insertInto('singleUses')
    .values({ hash: sha256(name), expiresAt: after(everySeconds) })
    .onConflict((conflict) =>
      conflict.column('hash').doUpdateSet({
        expiresAt: sql<Date>`greatest(single_uses.expires_at, now()) + ${everySeconds} * interval '1 second'`,
      }),
    )
    .returning(sql<boolean>`expires_at <= ${after(everySeconds + earlySeconds)}`.as('inTime'))
    .executeTakeFirstOrThrow()
  return inTime
}
