import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from './database.ts'

/*
 * What nodes compare they read from one clock, the database's: theirs differ, and one that is wrong would end what still
 * holds or keep what has ended.
 */

/** In a statement: when its transaction began. */
export const databaseNow = sql<Date>`now()`

/** In a statement: so many seconds after its transaction began. */
export function secondsFromNow(seconds: number): RawBuilder<Date> {
  return sql<Date>`now() + ${seconds}::float8 * interval '1 second'`
}

/**
 * The clock at this moment: `now()` is when the transaction began, before it waited for its turn, and what has expired
 * meanwhile must not be taken as it was then.
 */
export async function clock(db: Queryable): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db)
  return rows[0]!.now
}

/** In a statement: a moment as a cursor holds it, to the microsecond by which rows are ordered. */
export function cursorTime(moment: RawBuilder<unknown>): RawBuilder<string> {
  return sql<string>`to_char(${moment} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
}
