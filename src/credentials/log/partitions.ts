import { sql } from 'kysely'
import { clock } from '#foundation/database/clock.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { tryLock } from '#foundation/database/locks.ts'

/** What `maintainPartitions` did; names of partitions. */
export interface PartitionMaintenance {
  created: string[]
  dropped: string[]
  /** Old segments deleted from the partition of months that have none of their own. */
  deletedSegments: number
}

const lockNotAvailable = '55P03'
const monthsAhead = 2
const batchSize = 10_000
const monthName = /_(\d{4})_(\d{2})$/
/** What is packed, and whose it is. */
const parents = ['authentication_log_segments', 'authentication_log_subjects'] as const
type Parent = (typeof parents)[number]

/**
 * Makes the packed authentication log's partitions of this month and the next two, and lets entries go that are older than
 * `retentionDays`: by partition where a whole one is, which costs nothing, and by row in the default partition. Their
 * counts by day go as well, and the sums of unknown uses.
 * One node at a time changes partitions. Where another is at it, or a long query (an export) holds the log, the next
 * time will do: segments of a month without a partition go to the default one.
 * @param options.at for tests
 */
export async function maintainPartitions(
  db: Queryable,
  { retentionDays, at }: { retentionDays: number; at?: Date },
): Promise<PartitionMaintenance> {
  const now = at ?? (await clock(db))
  const oldest = new Date(now.getTime() - retentionDays * 24 * 60 * 60 * 1000)
  const done = await changePartitions(db, oldest, now)
  await sql`delete from authentication_log_days where day < ${oldest.toISOString()}::date`.execute(db)
  await sql`delete from unknown_uses where minute < ${oldest.toISOString()}::timestamptz`.execute(db)
  return { created: [], dropped: [], ...done, deletedSegments: await deleteOldRows(db, oldest) }
}

async function changePartitions(
  db: Queryable,
  oldest: Date,
  now: Date,
): Promise<Pick<PartitionMaintenance, 'created' | 'dropped'> | undefined> {
  try {
    return await inTransaction(db, async (tx) => {
      if (!(await takeLock(tx))) return undefined
      const done = { created: [] as string[], dropped: [] as string[] }
      for (const parent of parents) {
        const existing = await listPartitions(tx, parent)
        done.created.push(...(await createMissing(tx, parent, existing, now)))
        done.dropped.push(...(await dropOld(tx, existing, oldest)))
      }
      return done
    })
  } catch (error) {
    if ((error as { code?: string }).code === lockNotAvailable) return undefined
    throw error
  }
}

async function takeLock(tx: Queryable): Promise<boolean> {
  const taken = await tryLock(tx, 'logPartitions')
  // Making or dropping a partition waits for every query on the log, and meanwhile each reader waits for it: not long.
  await sql`set local lock_timeout = '1s'`.execute(tx)
  return taken
}

async function listPartitions(tx: Queryable, parent: Parent): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select child.relname as name from pg_inherits
    join pg_class as child on child.oid = inhrelid
    where inhparent = ${parent}::regclass`.execute(tx)
  return rows.map((row) => row.name).filter((name) => monthName.test(name))
}

async function createMissing(tx: Queryable, parent: Parent, existing: string[], now: Date): Promise<string[]> {
  const months = Array.from({ length: monthsAhead + 1 }, (_, ahead) => monthStart(now, ahead))
  const missing = months.filter((month) => !existing.includes(nameOf(parent, month)))
  if (missing.length === 0) return []
  // The whole tree at once, in the order in which an insert locks it; nothing slips into the default partition now.
  await sql`lock table ${sql.table(parent)} in access exclusive mode`.execute(tx)
  const created = []
  for (const month of missing) {
    const [from, to] = [month.toISOString(), monthStart(month, 1).toISOString()]
    // Entries of a month in the default partition forbid it one of its own: the month stays there.
    if (await defaultPartitionHolds(tx, parent, from, to)) continue
    await sql`create table ${sql.table(nameOf(parent, month))} partition of ${sql.table(parent)}
      for values from (${sql.lit(from)}) to (${sql.lit(to)})`.execute(tx)
    created.push(nameOf(parent, month))
  }
  return created
}

async function defaultPartitionHolds(tx: Queryable, parent: Parent, from: string, to: string): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select exists (select from ${sql.table(`${parent}_default`)}
      where last_at >= ${from}::timestamptz and last_at < ${to}::timestamptz) as found`.execute(tx)
  return rows[0]?.found === true
}

async function dropOld(tx: Queryable, existing: string[], oldest: Date): Promise<string[]> {
  const old = existing.filter((name) => monthStart(monthOf(name), 1) <= oldest)
  for (const name of old) await sql`drop table ${sql.table(name)}`.execute(tx)
  return old
}

/** @returns how many segments went */
async function deleteOldRows(db: Queryable, oldest: Date): Promise<number> {
  let total = 0
  for (const parent of parents) {
    const table = sql.table(`${parent}_default`)
    let deleted = batchSize
    while (deleted === batchSize) {
      const result = await sql`
        delete from ${table} where ctid = any(array(
          select ctid from ${table} where last_at < ${oldest.toISOString()}::timestamptz
          limit ${batchSize} for update skip locked))`.execute(db)
      deleted = Number(result.numAffectedRows ?? 0)
      if (parent === 'authentication_log_segments') total += deleted
    }
  }
  return total
}

function monthStart(date: Date, monthsLater: number): Date {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + monthsLater, 1))
}

function nameOf(parent: Parent, month: Date): string {
  const [year, number] = month.toISOString().split('-')
  return `${parent}_${year}_${number}`
}

function monthOf(name: string): Date {
  const [, year, month] = monthName.exec(name)!
  return new Date(Date.UTC(Number(year), Number(month) - 1, 1))
}
