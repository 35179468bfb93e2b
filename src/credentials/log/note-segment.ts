import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'

/**
 * Under which names an entry is found and counted, as a list of a column: its organization, its person there, its API key.
 * @param entry what the query calls something with `organization_id`, `user_id`, `credential_kind` and `credential_id`
 */
export function subjectNames(entry: string): RawBuilder<unknown> {
  return sql.raw(`(values (${entry}.organization_id), (${entry}.user_id || coalesce(${entry}.organization_id, '')),
    (case when ${entry}.credential_kind = 'api_key' then ${entry}.credential_id end)) as subjects (subject)`)
}

/** What a subject with an outcome is called in `authentication_log_subjects`. */
export function subjectHash(name: RawBuilder<unknown>, outcome: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`hashtextextended(${name} || ${outcome}, 0)`
}

/** Says whose uses are in a segment, so that they are found. */
export async function noteSubjects(tx: Queryable, segment: number): Promise<void> {
  await sql`with alike as materialized ${usesOfSegment(segment)}
    insert into authentication_log_subjects (subject, last_at, segment)
    ${subjectsOf(segment)} order by 1`.execute(tx)
}

/** For a segment that goes, or changes. */
export async function forgetSubjects(tx: Queryable, segment: number): Promise<void> {
  await sql`with alike as materialized ${usesOfSegment(segment)}
    delete from authentication_log_subjects as noted using (${subjectsOf(segment)}) as gone
    where noted.subject = gone.subject and noted.last_at = gone.last_at and noted.segment = gone.segment`.execute(tx)
}

/**
 * Counts a segment's uses by day: each use once, since that commits with the packing.
 * @param times -1: what was counted is taken back
 */
export async function countSegment(tx: Queryable, segment: number, times: 1 | -1): Promise<void> {
  await sql`with alike as materialized ${usesOfSegment(segment)}
    insert into authentication_log_days (subject, day, kind, outcome, uses)
    select subject, (last_at at time zone 'UTC')::date, credential_kind, outcome, ${times}::int * sum(uses)
    from alike, lateral ${subjectNames('alike')}
    where subject is not null group by 1, 2, 3, 4 order by 1, 2, 3, 4
    on conflict (subject, day, kind, outcome) do update set uses = authentication_log_days.uses + excluded.uses`.execute(
    tx,
  )
}

/**
 * Notes when clients were last used: they or a token of theirs were accepted, or they introspected.
 * @param uses a query that has them, as `usesOfSegment` or `recentAlike` (`recent-uses.ts`)
 */
export async function noteClients(tx: Queryable, uses: RawBuilder<unknown>): Promise<void> {
  await sql`
    insert into client_uses (client_id, last_used_at)
    select clients.client_id, used.at from (
      select by.client_id, max(last_at) as at from ${uses} as alike,
      lateral (values (case when outcome = 'accepted' then client_id end), (resource_server)) as by (client_id)
      where by.client_id is not null group by 1
    ) as used join clients on clients.client_id = used.client_id and used.at >= clients.created_at order by 1
    on conflict (client_id) do update set last_used_at = excluded.last_used_at
      where client_uses.last_used_at < excluded.last_used_at`.execute(tx)
}

/** Uses of a segment that are alike in whose and how they are, as one: how many, and the last. Runs are in order of time. */
export function usesOfSegment(segment: number): RawBuilder<unknown> {
  return sql`(
    select who.*, how.*, grouped.uses, segment.run_at[grouped.last_run] as last_at
    from authentication_log_segments as segment
    cross join lateral (
      select holder, way, count(*) as uses, max(run) as last_run
      from unnest(segment.holder, segment.way, segment.run) as used (holder, way, run) group by 1, 2) as grouped
    join lateral (
      select * from unnest(segment.holder_organization_id, segment.holder_user_id, segment.holder_credential_kind,
        segment.holder_credential_id, segment.holder_client_id)
        with ordinality as holders (organization_id, user_id, credential_kind, credential_id, client_id, holder)
    ) as who on who.holder = grouped.holder
    join lateral (
      select * from unnest(segment.way_outcome, segment.way_resource_server)
        with ordinality as ways (outcome, resource_server, way)
    ) as how on how.way = grouped.way
    where segment.id = ${segment})`
}

function subjectsOf(segment: number): RawBuilder<unknown> {
  return sql`select ${subjectHash(sql`subject`, sql`outcome`)} as subject, max(last_at) as last_at, ${segment}::bigint as segment
    from alike, lateral ${subjectNames('alike')} where subject is not null group by 1`
}
