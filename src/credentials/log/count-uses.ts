import { sql } from 'kysely'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { onlyIndexes } from '#foundation/database/log-walk.ts'

const settledSeconds = 60

/**
 * Adds what has been logged since the last time to `authentication_log_days`: each entry once, on whichever node, since
 * the counts and the moment up to which they go commit together, and one node at a time does it. An entry's time is its
 * transaction's start, and it is seen when that commits: so the counting stops a minute ago, and before the start of any
 * transaction of a node that is still under way.
 * @param options.settledAfterSeconds for tests
 */
export async function countUses(
  db: Queryable,
  { settledAfterSeconds = settledSeconds }: { settledAfterSeconds?: number } = {},
): Promise<void> {
  while (await countNextHour(db, settledAfterSeconds));
}

/** At most an hour at a time: after a long rest no transaction is long. @returns whether there is more to be counted */
function countNextHour(db: Queryable, settledAfterSeconds: number): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    await sql`select ${onlyIndexes}`.execute(tx)
    const window = await nextWindow(tx, settledAfterSeconds)
    // Undefined: another node is counting.
    if (!window?.isOpen) return false
    // A statement of its own, after the look at running transactions: whatever they had committed by then it sees.
    await sql`insert into authentication_log_days (subject, day, kind, outcome, uses)
      select subject, day, credential_kind, outcome, sum(uses) from (
        select organization_id, user_id, case when credential_kind = 'api_key' then credential_id end as api_key_id,
          (occurred_at at time zone 'UTC')::date as day, credential_kind, outcome, count(*) as uses
        from authentication_log
        where occurred_at >= ${window.start}::timestamptz and occurred_at < ${window.end}::timestamptz
        group by 1, 2, 3, 4, 5, 6
      ) as entries,
      lateral (values (organization_id), (user_id || coalesce(organization_id, '')), (api_key_id)) as subjects (subject)
      where subject is not null group by 1, 2, 3, 4
      on conflict (subject, day, kind, outcome) do update set uses = authentication_log_days.uses + excluded.uses`.execute(
      tx,
    )
    await sql`update authentication_log_counted set until = ${window.end}::timestamptz`.execute(tx)
    return window.hasMore
  })
}

/** From the last counting on, an hour's worth of entries. Times as text, which keeps their microseconds. */
async function nextWindow(tx: Queryable, settledAfterSeconds: number) {
  const { rows } = await sql<{ start: string; end: string; isOpen: boolean; hasMore: boolean }>`
    select until::text as start, next::text as end, next > until as is_open, next < settled as has_more
    from authentication_log_counted,
      lateral (select least(now() - make_interval(secs => ${settledAfterSeconds}), (select min(xact_start)
        from pg_stat_activity
        where datname = current_database() and application_name = current_setting('application_name'))) as settled) as log,
      lateral (select least(settled, (select min(occurred_at) + interval '1 hour' from authentication_log
        where occurred_at >= until)) as next) as window_
    for update of authentication_log_counted skip locked`.execute(tx)
  return rows[0]
}
