import { type RawBuilder, sql } from 'kysely'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { onlyIndexes } from '#foundation/database/log-walk.ts'
import { lastUseOfApiKey } from './log-queries.ts'

/** An entry's time is its transaction's start, and it is seen when that commits: so much is read twice. */
const overlapSeconds = 15

/**
 * Notes in `client_uses` when each client was last used, from what the authentication log has that was not read yet. Runs
 * every few seconds on one node, so that what it notes is true within a minute and no use of a credential pays for it.
 */
export async function noteClientUses(db: Queryable): Promise<void> {
  while (await noteNextMinute(db));
}

/** At most a minute at a time: after a long rest, too, each statement stays short. @returns whether there is more to be read */
function noteNextMinute(db: Queryable): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    await sql`select ${onlyIndexes}`.execute(tx)
    const { rows } = await sql<{ start: string; end: string; hasMore: boolean }>`
      select (until - make_interval(secs => ${overlapSeconds}))::text as start, next::text as "end", next < now() as has_more
      from client_uses_seen, lateral (select least(now(), interval '1 minute' +
        (select min(occurred_at) from authentication_log where occurred_at >= until)) as next) as window_
      for update of client_uses_seen skip locked`.execute(tx)
    // Undefined: another node is reading.
    const [window] = rows
    if (!window) return false
    await sql`insert into client_uses (client_id, last_used_at)
      select clients.client_id, used.at from (
        select by.client_id, max(occurred_at) as at from authentication_log,
        lateral (values (case when outcome = 'accepted' then client_id end), (resource_server)) as by (client_id)
        where occurred_at >= ${window.start}::timestamptz and occurred_at <= ${window.end}::timestamptz
          and by.client_id is not null
        group by 1
      ) as used join clients on clients.client_id = used.client_id and used.at >= clients.created_at
      on conflict (client_id) do update set last_used_at = excluded.last_used_at
        where client_uses.last_used_at < excluded.last_used_at`.execute(tx)
    await sql`update client_uses_seen set until = ${window.end}::timestamptz`.execute(tx)
    return window.hasMore
  })
}

/**
 * When a client (a service account, a resource server, an application) was last used, true within a minute, as a column of
 * a query in which `clientId` stands for its id; null: never, as far as the log knew.
 */
export function lastUseOfClient(clientId: RawBuilder<unknown>): RawBuilder<Date | null> {
  return sql<Date | null>`(select last_used_at from client_uses where client_uses.client_id = ${clientId})`
}

/** As above, of many by id. @returns nothing for those that were never used */
export function lastUsesOfClients(db: Queryable, clientIds: readonly string[]): Promise<Map<string, Date>> {
  return lastUses(db, clientIds, lastUseOfClient)
}

/** When each of these API keys was last accepted, exact to this moment. @returns nothing for those that were never used */
export function lastUsesOfApiKeys(db: Queryable, ids: readonly string[]): Promise<Map<string, Date>> {
  return lastUses(db, ids, lastUseOfApiKey)
}

async function lastUses(
  db: Queryable,
  ids: readonly string[],
  lastUseOf: (id: RawBuilder<unknown>) => RawBuilder<Date | null>,
): Promise<Map<string, Date>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<{ id: string; at: Date | null }>`
    select asked.id, ${lastUseOf(sql`asked.id`)} as at
    from json_array_elements_text(${JSON.stringify(ids)}::json) as asked (id)`.execute(db)
  return new Map(rows.flatMap(({ id, at }) => (at ? [[id, at]] : [])))
}
