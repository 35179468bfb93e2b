import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import { readAlongIndexes } from '#foundation/database/log-walk.ts'
import { isWhole, type Subject, subjectName, type Whole } from './log-filter.ts'
import { subjectNames } from './note-segment.ts'
import { recentAlike } from './recent-uses.ts'

/** How often a credential was used on one day. */
export interface DayOfUses {
  /** `2026-11-22`, UTC. */
  day: string
  accepted: number
  refused: number
}

/** What happened on one day, for a chart. */
export interface DayOfActivity {
  /** `2026-11-22`, UTC. */
  day: string
  signIns: number
  /** Of tokens and keys. */
  uses: number
  /** Of either, refused. */
  failures: number
}

const shownDays = 30
const dayMs = 86_400_000

/**
 * How often each API key was used on each of the last days, today included: for every id a list of `days` days, oldest
 * first. Exact up to this moment, and as quick for millions of uses as for none.
 */
export async function usesByDay(
  db: Queryable,
  { credentialIds, days = shownDays }: { credentialIds: readonly string[]; days?: number },
): Promise<Map<string, DayOfUses[]>> {
  const keys = credentialIds.map((apiKeyId) => ({ of: 'api key', apiKeyId, organizationId: '' }) as const)
  const counts = Map.groupBy(await countsOf(db, keys, days), ({ subject }) => subject)
  return new Map(
    credentialIds.map((id) => {
      const ofKey = Map.groupBy(counts.get(id) ?? [], ({ day }) => day)
      const list = lastDays(days).map((day) => {
        const ofDay = ofKey.get(day) ?? []
        return { day, accepted: sum(ofDay, ({ outcome }) => outcome === 'accepted'), refused: sum(ofDay, isRefused) }
      })
      return [id, list]
    }),
  )
}

/**
 * What happened on each of the last days, today included, oldest first: to an organization, a person, or one API key.
 * @param subjects all of one kind, such as a person in an organization and before one was chosen; what is no
 *   subject's in particular is not counted
 */
export async function activityByDay(
  db: Queryable,
  subjects: readonly (Subject | Whole)[],
  days = shownDays,
): Promise<DayOfActivity[]> {
  const counts = Map.groupBy(
    await countsOf(
      db,
      subjects.filter((subject) => !isWhole(subject)),
      days,
    ),
    ({ day }) => day,
  )
  return lastDays(days).map((day) => {
    const ofDay = counts.get(day) ?? []
    return {
      day,
      signIns: sum(ofDay, (count) => !isRefused(count) && isSignIn(count.kind)),
      uses: sum(ofDay, (count) => !isRefused(count) && !isSignIn(count.kind)),
      failures: sum(ofDay, isRefused),
    }
  })
}

/** Whether entries of this kind tell of a person who came in, not of a token or key at work. */
export function isSignIn(credentialKind: string): boolean {
  return credentialKind === 'password' || credentialKind === 'connection'
}

interface Count {
  subject: string
  day: string
  kind: string
  outcome: string
  uses: number
}

/** What was counted when it was packed, and what is not packed: read in one statement, so that nothing is in both or in neither. */
async function countsOf(db: Queryable, subjects: readonly Subject[], days: number): Promise<Count[]> {
  if (subjects.length === 0) return []
  const [firstDay] = lastDays(days)
  const names = sql.join(subjects.map(subjectName))
  return readAlongIndexes(
    db,
    sql<Count>`select subject, day::text as day, kind, outcome, sum(uses)::bigint as uses from (
      select subject, day, kind, outcome, uses from authentication_log_days
      where subject in (${names}) and day >= ${firstDay}::date
      union all
      select subject, day, credential_kind, outcome, uses from ${recentAlike} as recent, lateral ${subjectNames('recent')}
      where subject in (${names})
    ) as counts group by 1, 2, 3, 4`,
  )
}

function sum(counts: readonly Count[], isMeant: (count: Count) => boolean): number {
  return counts.filter(isMeant).reduce((total, { uses }) => total + uses, 0)
}

/** Denied uses, too, are those that did not get what they asked for. */
function isRefused({ outcome }: Count): boolean {
  return outcome !== 'accepted'
}

function lastDays(days: number): string[] {
  const today = Date.now()
  return Array.from({ length: days }, (_, index) =>
    new Date(today - (days - 1 - index) * dayMs).toISOString().slice(0, 10),
  )
}
