import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import {
  atOfEntry,
  between,
  beyond,
  eachPage,
  newestFirst,
  type Period,
  readAlongIndexes,
} from '#foundation/database/log-walk.ts'
import type { Position } from '#foundation/http/list.ts'

/** Whose entries: for each kind of subject there is one index, and one row of counts a day. */
export type Subject =
  | { of: 'organization'; organizationId: string }
  /** In one organization, or (null) before an organization was chosen. */
  | { of: 'person'; userId: string; organizationId: string | null }
  | { of: 'api key'; apiKeyId: string; organizationId: string; userId?: string | undefined }

/** Every entry of the deployment; or what has no owner, summed up in `unknown_uses`. */
export interface Whole {
  of: 'everything' | 'no owner'
}

export const logOutcomes = ['accepted', 'refused', 'denied'] as const

export type LogOutcome = (typeof logOutcomes)[number]

/** Which entries. */
export interface LogFilter extends Period {
  subjects: readonly (Subject | Whole)[]
  outcome?: LogOutcome | undefined
}

/** One use of a credential. */
export interface LogRow {
  id: number
  occurredAt: Date
  /** ISO 8601 with microseconds, by which entries are ordered. */
  at: string
  outcome: LogOutcome
  reason: string | null
  credentialId: string | null
  credentialKind: string
  credentialName: string | null
  via: string
  userId: string | null
  userEmail: string | null
  organizationId: string | null
  clientId: string | null
  resourceServer: string | null
  /** Of a sum: the network, in CIDR notation. */
  ip: string | null
  userAgent: string | null
  method: string | null
  path: string | null
  /** How many uses the entry stands for. */
  count: number
}

/**
 * What the indexes of 0010 are made of, expression by expression: written differently, they would not be used. Each
 * hashes a subject's name (`subjectName`) with the outcome.
 */
const indexKeys: Record<Subject['of'], RawBuilder<string>> = {
  organization: sql`organization_id || outcome`,
  person: sql`user_id || coalesce(organization_id, '') || outcome`,
  'api key': sql`credential_id || outcome`,
}

/** What a subject is called in `authentication_log_days`, and in the hashes above. */
export function subjectName(subject: Subject): string {
  switch (subject.of) {
    case 'organization':
      return subject.organizationId
    case 'person':
      return subject.userId + (subject.organizationId ?? '')
    case 'api key':
      return subject.apiKeyId
  }
}

/**
 * Entries, newest first, from a position on. Each subject and outcome is a walk along its index that stops at the limit,
 * so a page costs the same among thousands of entries and among billions.
 */
export function listLogEntries(
  db: Queryable,
  filter: LogFilter,
  { limit, cursor }: { limit: number; cursor?: Position | undefined },
): Promise<LogRow[]> {
  const walks = filter.subjects
    .flatMap((subject) => walksOf(subject, filter))
    .map(({ table, own }) => {
      const conditions = sql.join([...own, ...between(filter), ...beyond(cursor), sql`true`], sql` and `)
      return sql`(select ${columns} from ${table} where ${conditions} ${newestFirst} limit ${limit})`
    })
  return readAlongIndexes(
    db,
    sql<LogRow>`select * from (${sql.join(walks, sql` union all `)}) as walks ${newestFirst} limit ${limit}`,
  )
}

/** Everything is one walk along time; what belongs to a subject is one for each outcome. */
function walksOf(subject: Subject | Whole, filter: LogFilter) {
  if (isWhole(subject)) {
    const own = filter.outcome === undefined ? [] : [sql`outcome = ${filter.outcome}`]
    return [{ table: subject.of === 'everything' ? entries : sums, own }]
  }
  return outcomesOf(filter).map((outcome) => ({ table: entries, own: entriesOf(subject, outcome) }))
}

export function isWhole(subject: Subject | Whole): subject is Whole {
  return subject.of === 'everything' || subject.of === 'no owner'
}

/** All entries, a page at a time. */
export function eachLogPage(db: Queryable, filter: LogFilter): AsyncGenerator<LogRow[]> {
  return eachPage((page) => listLogEntries(db, filter, page))
}

/** Whose key an API key is or, if it has been deleted, was, as far as this organization's log knows. */
export async function findOwnerOfApiKey(
  db: Queryable,
  { apiKeyId, organizationId }: { apiKeyId: string; organizationId: string },
): Promise<{ userId: string; name: string } | undefined> {
  const key = await db
    .selectFrom('credentials')
    .select(['userId', 'name'])
    .where('kind', '=', 'api_key')
    .where('id', '=', apiKeyId)
    .where('organizationId', '=', organizationId)
    .executeTakeFirst()
  if (key?.userId) return { userId: key.userId, name: key.name ?? '' }
  const [entry] = await listLogEntries(db, { subjects: [{ of: 'api key', apiKeyId, organizationId }] }, { limit: 1 })
  return entry?.userId ? { userId: entry.userId, name: entry.credentialName ?? '' } : undefined
}

/** When an API key was last accepted, as a column of a query in which `apiKeyId` stands for its id. */
export function lastUseOfApiKey(apiKeyId: RawBuilder<unknown>): RawBuilder<Date | null> {
  return sql<Date | null>`(select occurred_at from authentication_log
    where credential_kind = 'api_key' and ${hashOf(indexKeys['api key'])} = ${hashOf(sql`${apiKeyId} || 'accepted'`)}
      and credential_id = ${apiKeyId} order by occurred_at desc limit 1)`
}

/** The counts of subjects of one kind since a moment that SQL names, by name, day, kind and outcome; by the same indexes. */
export function countedFromLog(subjects: readonly Subject[], since: RawBuilder<unknown>): RawBuilder<unknown> {
  const kind = subjects[0]!.of
  const names = subjects.map(subjectName)
  const hashes = names.flatMap((name) => logOutcomes.map((outcome) => hashOf(sql`${name + outcome}`)))
  const name = nameColumns[kind]
  return sql`select ${name} as subject, (occurred_at at time zone 'UTC')::date as day, credential_kind as kind, outcome,
      count(*) as uses from authentication_log
    where ${hashOf(indexKeys[kind])} in (${sql.join(hashes)}) and ${name} in (${sql.join(names)})
      ${kind === 'api key' ? sql`and credential_kind = 'api_key'` : sql``} and occurred_at >= ${since}
    group by 1, 2, 3, 4`
}

/** A subject's name out of an entry. */
const nameColumns: Record<Subject['of'], RawBuilder<string>> = {
  organization: sql`organization_id`,
  person: sql`user_id || coalesce(organization_id, '')`,
  'api key': sql`credential_id`,
}

const columns = sql`id, occurred_at, ${atOfEntry},
  outcome, reason, credential_id, credential_kind, credential_name, via, user_id, user_email, organization_id, client_id,
  resource_server, ip, user_agent, method, path, count`

const entries = sql`(select *, 1::bigint as count from authentication_log) as entries`

/** The sums of `unknown_uses` in the form of entries. */
const sums = sql`(select id, minute as occurred_at, 'refused' as outcome, reason, null::text as credential_id,
  'unknown' as credential_kind, null::text as credential_name, via, null::text as user_id, null::text as user_email,
  null::text as organization_id, null::text as client_id, resource_server, network as ip, null::text as user_agent,
  null::text as method, null::text as path, count from unknown_uses) as sums`

function hashOf(text: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`hashtextextended(${text}, 0)`
}

function outcomesOf({ outcome }: LogFilter): readonly LogOutcome[] {
  return outcome ? [outcome] : logOutcomes
}

/** The index finds them by the hash; the columns decide, since two names may have one hash. */
function entriesOf(subject: Subject, outcome: LogOutcome): RawBuilder<unknown>[] {
  const found = [
    sql`${hashOf(indexKeys[subject.of])} = ${hashOf(sql`${subjectName(subject) + outcome}`)}`,
    sql`outcome = ${outcome}`,
    sql`organization_id is not distinct from ${subject.organizationId}`,
  ]
  if (subject.of === 'api key') found.push(sql`credential_kind = 'api_key' and credential_id = ${subject.apiKeyId}`)
  if (subject.of !== 'organization' && subject.userId !== undefined) found.push(sql`user_id = ${subject.userId}`)
  return found
}
