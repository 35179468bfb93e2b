import { type RawBuilder, sql } from 'kysely'
import { inTransaction, type Queryable } from './database.ts'

/*
 * How a log is read: newest first by `occurred_at` and `id`, along an index that stops at the limit, so that a page costs
 * the same among thousands of entries and among millions.
 */

/** Where a page ended: ISO 8601 with microseconds, and the id. */
interface Place {
  at: Date | string
  id: string
}

/** `from` is included, `to` is not, both as text that PostgreSQL reads. */
export interface Period {
  from?: string | undefined
  to?: string | undefined
}

export const newestFirst = sql`order by occurred_at desc, id desc`

/** A moment as text, which a Date would round: in the order of time where it is compared as text. */
export function timeText(moment: RawBuilder<unknown>): RawBuilder<string> {
  return sql`to_char(${moment} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
}

export const atOfEntry = sql`${timeText(sql`occurred_at`)} as at`

/** Rows that an export holds in memory at once. */
const exportPage = 1_000

/**
 * For `select` at the start of a transaction. Where the planner's estimates are out of date, as they are of whatever became
 * busy a moment ago, it would rather collect a million entries and sort them, or read a whole month.
 */
export const onlyIndexes = sql.join(
  ['enable_bitmapscan', 'enable_seqscan', 'enable_sort', 'jit'].map(
    (setting) => sql`set_config(${sql.lit(setting)}, 'off', true)`,
  ),
)

/** For `select`, too: whether the planner may, until the transaction ends. */
export function settingOf(way: 'hashjoin' | 'nestloop', to: 'on' | 'off'): RawBuilder<unknown> {
  return sql`set_config(${sql.lit(`enable_${way}`)}, ${sql.lit(to)}, true)`
}

/** The first entries of what was read in several parts. */
export function newestOf<Row extends { at: string; id: number }>(rows: Row[], limit: number): Row[] {
  const byId = new Map(rows.map((row) => [row.id, row]))
  return [...byId.values()].sort((a, b) => (a.at === b.at ? b.id - a.id : a.at < b.at ? 1 : -1)).slice(0, limit)
}

/** Reads as `onlyIndexes` says, in one snapshot. */
export function readAlongIndexes<Row>(db: Queryable, query: RawBuilder<Row>): Promise<Row[]> {
  return inTransaction(db, async (tx) => {
    await sql`select ${onlyIndexes}`.execute(tx)
    return (await query.execute(tx)).rows
  })
}

/**
 * All entries, newest first, a page at a time: however slowly they are read, no transaction waits for it. What is logged
 * meanwhile is newer than the first page, so each entry comes once.
 */
export async function* eachPage<Row extends { at: string; id: number }>(
  read: (page: { limit: number; cursor: Place | undefined }) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  let cursor: Place | undefined
  for (;;) {
    const rows = await read({ limit: exportPage, cursor })
    const last = rows.at(-1)
    if (last) yield rows
    if (!last || rows.length < exportPage) return
    cursor = positionOf(last)
  }
}

export function positionOf({ at, id }: { at: string; id: number }): { at: string; id: string } {
  return { at, id: String(id) }
}

/** Whether a cursor's id can be an entry's: those of other lists are text. */
export function isLogPosition({ id }: Place): boolean {
  return /^\d{1,18}$/.test(id)
}

export function between({ from, to }: Period): RawBuilder<unknown>[] {
  return [
    ...(from === undefined ? [] : [sql`occurred_at >= ${from}::timestamptz`]),
    ...(to === undefined ? [] : [sql`occurred_at < ${to}::timestamptz`]),
  ]
}

/** The first condition is one for the index, and for leaving out months; the second is the exact place. */
export function beyond(cursor: Place | undefined): RawBuilder<unknown>[] {
  if (!cursor) return []
  const { at, id } = cursor
  return [sql`occurred_at <= ${at}::timestamptz`, sql`(occurred_at, id) < (${at}::timestamptz, ${id}::bigint)`]
}
