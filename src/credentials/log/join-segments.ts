import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import { tryLock } from '#foundation/database/locks.ts'
import { holderColumns, wayColumns } from './entries-from.ts'
import { forgetSubjects, noteSubjects } from './note-segment.ts'
import { packedColumns, packing, settingsForPacking } from './segment-sql.ts'

/** Of half of what a segment may hold: any two fit into one. As migration 0037's index has it. */
const small = 8_192

interface SmallSegment {
  id: number
  uses: number
  day: string
  dayIsOver: boolean
  /** The segment of the time before. */
  before: number | null
}

/**
 * Joins small segments that follow each other on one day: when there is enough of them, or the day is over.
 * @returns whether there may be more
 */
export async function joinSmallSegments(
  tx: Queryable,
  { enough, most }: { enough: number; most: number },
): Promise<boolean> {
  if (!(await tryLock(tx, 'logPacking'))) return false
  for (const row of rowsOf(await listSmallSegments(tx, most), most)) {
    const uses = row.reduce((sum, segment) => sum + segment.uses, 0)
    if (row.length < 2 || !(row[0]!.dayIsOver || uses >= enough)) continue
    await sql`select ${settingsForPacking}`.execute(tx)
    await joinSegments(
      tx,
      row.map(({ id }) => id),
      most,
    )
    return true
  }
  return false
}

async function listSmallSegments(tx: Queryable, most: number): Promise<SmallSegment[]> {
  const { rows } = await sql<SmallSegment>`
    select segment.id, uses, (last_at at time zone 'UTC')::date::text as day,
      last_at < date_trunc('day', now(), 'UTC') as day_is_over, (
        select earlier.id from authentication_log_segments as earlier
        where earlier.last_at <= segment.last_at and (earlier.last_at, earlier.id) < (segment.last_at, segment.id)
        order by last_at desc, id desc limit 1) as before
    from authentication_log_segments as segment
    where uses < ${sql.lit(small)} and uses < ${most} / 2 and last_at > now() - interval '7 days'
    order by last_at, id`.execute(tx)
  return rows
}

/** Those that stand in a row, no more together than a segment may hold. */
function rowsOf(segments: readonly SmallSegment[], most: number): SmallSegment[][] {
  const rows: SmallSegment[][] = []
  let uses = 0
  for (const segment of segments) {
    const row = rows.at(-1)
    const last = row?.at(-1)
    uses += segment.uses
    if (row && last?.id === segment.before && last?.day === segment.day && uses <= most) row.push(segment)
    else {
      rows.push([segment])
      uses = segment.uses
    }
  }
  return rows
}

/** Packs segments of one day anew, with no others between them, into as few as hold them. */
export async function joinSegments(tx: Queryable, ids: readonly number[], most: number): Promise<void> {
  const old = sql`array[${sql.join(ids)}]::bigint[]`
  for (const id of ids) await forgetSubjects(tx, id)
  const { rows } = await sql<{ uses: number }>`
    select sum(uses)::int as uses from authentication_log_segments where id = any(${old})`.execute(tx)
  const made = []
  for (let start = 0; start < rows[0]!.uses; start += most) {
    made.push(...(await insertSegments(tx, packing(usesOf(old, start, most)))))
  }
  await sql`delete from authentication_log_segments where id = any(${old})`.execute(tx)
  for (const id of made) await noteSubjects(tx, id)
}

/** @param packed `with` queries, the last of which is `packed` */
export async function insertSegments(tx: Queryable, packed: RawBuilder<unknown>): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`with ${packed}
    insert into authentication_log_segments (${packedColumns}) select ${packedColumns} from packed returning id`.execute(
    tx,
  )
  return rows.map(({ id }) => id)
}

function usesOf(ids: RawBuilder<unknown>, start: number, most: number) {
  const key = (column: RawBuilder<unknown>) => sql`segment.id * 32768 + ${column}`
  const words = (kind: 'holder' | 'way', columns: readonly string[]) => sql`
    select ${key(sql`number`)} as key, ${sql.raw(columns.map((column) => `said.${column}`).join(', '))}
    from authentication_log_segments as segment
    cross join lateral unnest(${sql.raw(columns.map((column) => `${kind}_${column}`).join(', '))})
      with ordinality as said (${sql.raw(columns.join(', '))}, number)
    where id = any(${ids}) and ${key(sql`number`)} in (select ${sql.raw(kind)}_key from uses)`
  return {
    uses: sql`select run.base + place as id, run.at, ${key(sql`used.holder`)} as holder_key, ${key(sql`used.way`)} as way_key,
        credentials.text as credential, ips.text as ip, paths.text as path
      from authentication_log_segments as segment
      cross join lateral unnest(run, holder, way, credential, ip, path)
        with ordinality as used (run, holder, way, credential, ip, path, place)
      join lateral unnest(run_base, run_at) with ordinality as run (base, at, number) on run.number = used.run
      left join lateral unnest(credentials) with ordinality as credentials (text, number) on credentials.number = used.credential
      left join lateral unnest(ips) with ordinality as ips (text, number) on ips.number = used.ip
      left join lateral unnest(paths) with ordinality as paths (text, number) on paths.number = used.path
      where segment.id = any(${ids}) order by at, id offset ${start} limit ${most}`,
    holders: words('holder', holderColumns),
    ways: words('way', wayColumns),
  }
}
