import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import { newestOf, timeText } from '#foundation/database/log-walk.ts'
import { isWhole, type LogFilter, type LogPage, logOutcomes, subjectName } from './log-filter.ts'
import type { LogRow } from './log-row.ts'
import { subjectHash } from './note-segment.ts'
import { unpackPage } from './unpack-page.ts'

/** A segment that has uses of what is asked for, the last of them at that moment. */
interface Candidate {
  segment: number
  lastAt: string
}

const atOnce = 16

/**
 * Packed entries, newest first. No segment reaches over another (`pack-log.ts`), so each subject and outcome is a walk
 * backwards along an index of the segments that have it, which stops when there are enough.
 */
export async function listPackedEntries(tx: Queryable, filter: LogFilter, page: LogPage): Promise<LogRow[]> {
  const walks = walksOf(filter)
  if (walks.length === 0) return []
  const visited = new Set<number>()
  let rows: LogRow[] = []
  const visit = async (candidates: Candidate[]) => {
    const fresh = candidates.map(({ segment }) => segment).filter((segment) => !visited.has(segment))
    for (const segment of fresh) visited.add(segment)
    if (fresh.length > 0) rows = newestOf([...rows, ...(await unpackPage(tx, fresh, filter, page))], page.limit)
  }
  const start = startOf(filter, page)
  if (start) await visit(await candidatesAround(tx, walks, start))
  let beyond: Candidate | undefined
  for (;;) {
    const candidates = await candidatesBefore(tx, walks, beyond, { ...filter, start })
    for (let first = 0, group = 1; first < candidates.length; first += group, group *= 2) {
      if (rows.length === page.limit && rows.at(-1)!.at > candidates[first]!.lastAt) return rows
      await visit(candidates.slice(first, first + group))
    }
    if (candidates.length < atOnce) return rows
    beyond = candidates.at(-1)
  }
}

interface Walk {
  table: RawBuilder<unknown>
  segment: RawBuilder<unknown>
  own: RawBuilder<unknown>
}

/** Everything is one walk, by segment; what belongs to a subject is one for each outcome. */
function walksOf({ subjects, outcome }: LogFilter): Walk[] {
  if (subjects.some(({ of }) => of === 'everything')) {
    return [{ table: sql`authentication_log_segments`, segment: sql`id`, own: sql`true` }]
  }
  const outcomes = outcome ? [outcome] : logOutcomes
  return subjects.flatMap((subject) => {
    if (isWhole(subject)) return []
    const ownOf = (of: string) => sql`subject = ${subjectHash(sql`${subjectName(subject)}::text`, sql`${of}::text`)}`
    return outcomes.map((of) => ({
      table: sql`authentication_log_subjects`,
      segment: sql`segment`,
      own: ownOf(of),
    }))
  })
}

/** The moment from which a page goes backwards: the older one of the cursor's and the period's end. Undefined: now. */
function startOf({ to }: LogFilter, { cursor }: LogPage): RawBuilder<unknown> | undefined {
  const moments = [to, cursor?.at].filter((moment) => moment !== undefined)
  if (moments.length === 0) return undefined
  return sql`least(${sql.join(moments.map((moment) => sql`${moment}::timestamptz`))})`
}

/** Of each walk the first segment that ends after a moment, which may have begun before it; those after it have not. */
async function candidatesAround(tx: Queryable, walks: Walk[], start: RawBuilder<unknown>): Promise<Candidate[]> {
  const found = walks.map(
    ({ table, segment, own }) => sql`(select ${segment} as segment, last_at from ${table}
      where ${own} and last_at > ${start} order by last_at fetch first row with ties)`,
  )
  return candidatesOf(tx, found, sql``)
}

async function candidatesBefore(
  tx: Queryable,
  walks: Walk[],
  beyond: Candidate | undefined,
  { from, start }: { from?: string | undefined; start: RawBuilder<unknown> | undefined },
): Promise<Candidate[]> {
  const found = walks.map(({ table, segment, own }) => {
    const bounds = [own]
    if (from !== undefined) bounds.push(sql`last_at >= ${from}::timestamptz`)
    if (beyond) {
      const at = sql`${beyond.lastAt}::timestamptz`
      bounds.push(sql`last_at <= ${at} and (last_at, ${segment}) < (${at}, ${beyond.segment}::bigint)`)
    } else if (start) bounds.push(sql`last_at <= ${start}`)
    return sql`(select ${segment} as segment, last_at from ${table} where ${sql.join(bounds, sql` and `)}
      order by last_at desc, ${segment} desc limit ${sql.lit(atOnce)})`
  })
  return candidatesOf(tx, found, sql`limit ${sql.lit(atOnce)}`)
}

async function candidatesOf(
  tx: Queryable,
  found: RawBuilder<unknown>[],
  limit: RawBuilder<unknown>,
): Promise<Candidate[]> {
  const { rows } = await sql<Candidate>`
    select segment, ${timeText(sql`max(last_at)`)} as last_at from (${sql.join(found, sql` union all `)}) as walks
    group by segment order by max(last_at) desc, segment desc ${limit}`.execute(tx)
  return rows
}
