import { type RawBuilder, sql } from 'kysely'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { tryLock } from '#foundation/database/locks.ts'
import { holderColumns, wayColumns } from './entries-from.ts'
import { insertSegments, joinSegments, joinSmallSegments } from './join-segments.ts'
import { countSegment, noteClients, noteSubjects, usesOfSegment } from './note-segment.ts'
import { packing, settingsForPacking } from './segment-sql.ts'

export interface PackingLimits {
  /** So many uses are packed as soon as they are there, */
  enough: number
  /** fewer when the first of them is this old. */
  waitSeconds: number
  /** Younger ones are left for the denial that may follow a use. */
  youngSeconds: number
  /** Most uses of a segment; 30,000 at most. */
  most: number
}

const usual: PackingLimits = { enough: 10_000, waitSeconds: 300, youngSeconds: 2, most: 16_384 }

/** After so long nothing refers to words that were said then (migration 0037). */
const forgottenAfter = sql`interval '2 days'`

/**
 * Packs the authentication log: batches become segments, small segments of a day a bigger one. What is packed is counted
 * (`authentication_log_days`, `client_uses`) in the same transaction, so each use is in one place and counted once, however
 * the node that does it ends. One node at a time; a second one leaves it alone.
 */
export async function packLog(db: Queryable, limits: Partial<PackingLimits> = {}): Promise<void> {
  const all = { ...usual, ...limits }
  let packed = 0
  while (await inTransaction(db, (tx) => packNext(tx, all))) packed++
  if (packed === 0) return
  while (await inTransaction(db, (tx) => joinSmallSegments(tx, all)));
  await clearUp(db)
}

/** @returns whether there may be more */
async function packNext(tx: Queryable, limits: PackingLimits): Promise<boolean> {
  if (!(await tryLock(tx, 'logPacking'))) return false
  const span = await nextSpan(tx, limits)
  if (!span) return false
  await sql`select ${settingsForPacking}`.execute(tx)
  const [segment] = await insertSegments(tx, batchesOf(span, limits))
  if (segment === undefined) return false
  await countSegment(tx, segment, 1)
  await noteClients(tx, usesOfSegment(segment))
  await noteSubjects(tx, segment)
  if (span.within !== null) await joinSegments(tx, [span.within, segment], limits.most)
  return true
}

interface Span {
  /** As text, which keeps the microseconds. */
  start: string
  /** Not included. */
  end: string
  /** The segment that has older and younger uses than the first of these. */
  within: number | null
}

/**
 * From the oldest batch on: no further than to the end of its day, nor over a segment, so that none ever reaches over
 * another. What committed late, or before a clock was put back, joins the segment of its time.
 */
async function nextSpan(tx: Queryable, limits: PackingLimits): Promise<Span | undefined> {
  const { rows } = await sql<Span>`
    select start::text as start, least(
        settled, date_trunc('day', start, 'UTC') + interval '24 hours',
        case when next.first_at > start then next.first_at else next.last_at + interval '1 microsecond' end)::text as "end",
      case when next.first_at <= start then next.id end as within
    from (select min(at) as start, sum(uses) as uses, now() - make_interval(secs => ${limits.youngSeconds}) as settled
      from authentication_log_batches where at < now() - make_interval(secs => ${limits.youngSeconds})) as waiting
    left join lateral (select id, first_at, last_at from authentication_log_segments
      where last_at >= start order by last_at, id limit 1) as next on true
    where uses >= ${limits.enough} or start < now() - make_interval(secs => ${limits.waitSeconds})`.execute(tx)
  return rows[0]
}

function batchesOf({ start, end }: Span, { most }: PackingLimits): RawBuilder<unknown> {
  const taken = sql`locked as materialized (
      select ctid, id, at, uses from authentication_log_batches
      where at >= ${start}::timestamptz and at < ${end}::timestamptz order by at limit ${most}
      for update skip locked
    ), taken as (
      delete from authentication_log_batches where ctid = any(array(
        select ctid from (select ctid, sum(uses) over (order by at, id) as total from locked) as summed
        where total <= ${most})) returning *
    )`
  return sql`${taken}, ${packing({
    uses: sql`select taken.id + n - 1 as id, at, u.holder::bigint as holder_key, u.way::bigint as way_key, u.credential, u.ip, u.path
      from taken, unnest(holder, way, credential, ip, path) with ordinality as u (holder, way, credential, ip, path, n)`,
    holders: sql`select id::bigint as key, ${sql.raw(holderColumns.join(', '))} from authentication_log_holders
      where id in (select holder_key from uses)`,
    ways: sql`select id::bigint as key, ${sql.raw(wayColumns.join(', '))} from authentication_log_ways
      where id in (select way_key from uses)`,
  })}`
}

async function clearUp(db: Queryable): Promise<void> {
  for (const table of ['authentication_log_holders', 'authentication_log_ways']) {
    await sql`delete from ${sql.table(table)} where made_at < (
      select least(now(), min(at)) from authentication_log_batches) - ${forgottenAfter}`.execute(db)
  }
  // By hand, since the space is needed again at once, and never cut off, which every use would wait for; not in a
  // transaction of somebody else.
  if (!db.isTransaction) await sql`vacuum (truncate false) authentication_log_batches`.execute(db)
}
