import { type RawBuilder, sql } from 'kysely'

/**
 * The uses that are not packed yet, those that are alike in whose and how they are as one: `uses` of them on one `day`, the
 * last at `last_at`, with the columns of holders and ways.
 */
export const recentAlike = sql`(
  select who.credential_id, who.credential_kind, who.user_id, who.organization_id, who.client_id, how.outcome,
    how.resource_server, grouped.day, grouped.uses, grouped.last_at
  from (
    select used.holder, used.way, (at at time zone 'UTC')::date as day, count(*) as uses, max(at) as last_at
    from authentication_log_batches as batch, unnest(batch.holder, batch.way) as used (holder, way) group by 1, 2, 3
  ) as grouped
  join authentication_log_holders as who on who.id = grouped.holder
  join authentication_log_ways as how on how.id = grouped.way)`

/** When an API key was last accepted, as a column of a query in which `apiKeyId` stands for its id; exact to this moment. */
export function lastRecentUseOfApiKey(apiKeyId: RawBuilder<unknown>): RawBuilder<Date | null> {
  return sql`(select batch.at
    from (select array(select id from authentication_log_holders
      where credential_kind = 'api_key' and credential_id = ${apiKeyId}) as holders offset 0) as its
    join authentication_log_batches as batch on batch.holder && its.holders
    where its.holders <> '{}' and exists (
      select from unnest(batch.holder, batch.way) as used (holder, way)
      join authentication_log_ways as how on how.id = used.way
      where used.holder = any(its.holders) and how.outcome = 'accepted')
    order by batch.at desc limit 1)`
}
