import { sql } from 'kysely'
import { clock } from '#foundation/database/clock.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { tryLock } from '#foundation/database/locks.ts'

/** What `maintainPartitions` did; names of partitions. */
export interface PartitionMaintenance {
  created: string[]
  dropped: string[]
  /** Old entries deleted from the partition of months that have none of their own. */
  deletedRows: number
}

const lockNotAvailable = '55P03'
const monthsAhead = 2
const batchSize = 10_000
const partitionName = /^authentication_log_(\d{4})_(\d{2})$/

/**
 * Makes the authentication log's partitions of this month and the next two, and lets entries go that are older than
 * `retentionDays`: by partition where a whole one is, which costs nothing, and by row in the default partition. Their
 * counts by day go as well, and the sums of unknown uses.
 * One node at a time changes partitions. Where another is at it, or a long query (an export) holds the log, the next
 * time will do: entries of a month without a partition go to the default one.
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
  return { created: [], dropped: [], ...done, deletedRows: await deleteOldRows(db, oldest) }
}

async function changePartitions(
  db: Queryable,
  oldest: Date,
  now: Date,
): Promise<Pick<PartitionMaintenance, 'created' | 'dropped'> | undefined> {
  try {
    return await inTransaction(db, async (tx) => {
      if (!(await takeLock(tx))) return undefined
      const existing = await listPartitions(tx)
      return {
        created: await createMissing(tx, existing, now),
        dropped: await dropOld(tx, existing, oldest),
      }
    })
  } catch (error) {
    if ((error as { code?: string }).code === lockNotAvailable) return undefined
    throw error
  }
}

async function takeLock(tx: Queryable): Promise<boolean> {
  const taken = await tryLock(tx, 'logPartitions')
  // Making or dropping a partition waits for every query on the log, and meanwhile each sign-in waits for it: not long.
  await sql`set local lock_timeout = '1s'`.execute(tx)
  return taken
}

async function listPartitions(tx: Queryable): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select child.relname as name from pg_inherits
    join pg_class as child on child.oid = inhrelid
    where inhparent = 'authentication_log'::regclass`.execute(tx)
  return rows.map((row) => row.name).filter((name) => partitionName.test(name))
}

async function createMissing(tx: Queryable, existing: string[], now: Date): Promise<string[]> {
  const months = Array.from({ length: monthsAhead + 1 }, (_, ahead) => monthStart(now, ahead))
  const missing = months.filter((month) => !existing.includes(nameOf(month)))
  if (missing.length === 0) return []
  // The whole tree at once, in the order in which an insert locks it; no entry slips into the default partition now.
  await sql`lock table authentication_log in access exclusive mode`.execute(tx)
  const created = []
  for (const month of missing) {
    const [from, to] = [month.toISOString(), monthStart(month, 1).toISOString()]
    // Entries of a month in the default partition forbid it one of its own: the month stays there.
    if (await defaultPartitionHolds(tx, from, to)) continue
    await sql`create table ${sql.table(nameOf(month))} partition of authentication_log
      for values from (${sql.lit(from)}) to (${sql.lit(to)})`.execute(tx)
    created.push(nameOf(month))
  }
  return created
}

async function defaultPartitionHolds(tx: Queryable, from: string, to: string): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select exists (select from authentication_log_default
      where occurred_at >= ${from}::timestamptz and occurred_at < ${to}::timestamptz) as found`.execute(tx)
  return rows[0]?.found === true
}

async function dropOld(tx: Queryable, existing: string[], oldest: Date): Promise<string[]> {
  const old = existing.filter((name) => monthStart(monthOf(name), 1) <= oldest)
  for (const name of old) await sql`drop table ${sql.table(name)}`.execute(tx)
  return old
}

async function deleteOldRows(db: Queryable, oldest: Date): Promise<number> {
  let total = 0
  for (;;) {
    const result = await sql`
      delete from authentication_log_default where ctid = any(array(
        select ctid from authentication_log_default where occurred_at < ${oldest.toISOString()}::timestamptz
        limit ${batchSize} for update skip locked))`.execute(db)
    const deleted = Number(result.numAffectedRows ?? 0)
    total += deleted
    if (deleted < batchSize) return total
  }
}

function monthStart(date: Date, monthsLater: number): Date {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + monthsLater, 1))
}

function nameOf(month: Date): string {
  const [year, number] = month.toISOString().split('-')
  return `authentication_log_${year}_${number}`
}

function monthOf(name: string): Date {
  const [, year, month] = partitionName.exec(name)!
  return new Date(Date.UTC(Number(year), Number(month) - 1, 1))
}
