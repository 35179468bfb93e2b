import { type Compilable, sql } from 'kysely'
import type { Queryable } from './database.ts'

const rowsAtOnce = 1_000

let cursors = 0

/** The rows of a query one after the other, a thousand in memory; `tx` must be a transaction, and stay open meanwhile. */
export async function* rowsOf<T>(tx: Queryable, query: Compilable<T>): AsyncGenerator<T> {
  const cursor = sql.id(`rows_${++cursors}`)
  await sql`declare ${cursor} no scroll cursor for ${query as never}`.execute(tx)
  for (;;) {
    const { rows } = await sql<T>`fetch ${sql.lit(rowsAtOnce)} from ${cursor}`.execute(tx)
    yield* rows
    if (rows.length < rowsAtOnce) break
  }
  await sql`close ${cursor}`.execute(tx)
}
