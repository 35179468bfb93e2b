import { type RawBuilder, sql } from 'kysely'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { onlyIndexes } from '#foundation/database/log-walk.ts'
import { noteClients, subjectHash } from './note-segment.ts'
import { lastRecentUseOfApiKey, recentAlike } from './recent-uses.ts'

/**
 * Notes in `client_uses` when each client was last used, from what is not packed yet; the packing notes what it packs. Runs
 * every few seconds on one node, so that what it notes is true within a minute and no use of a credential pays for it.
 */
export function noteClientUses(db: Queryable): Promise<void> {
  return inTransaction(db, async (tx) => {
    await sql`select ${onlyIndexes}`.execute(tx)
    await noteClients(tx, recentAlike)
  })
}

/**
 * When a client (a service account, a resource server, an application) was last used, true within a minute, as a column of
 * a query in which `clientId` stands for its id; null: never, as far as the log knew.
 */
export function lastUseOfClient(clientId: RawBuilder<unknown>): RawBuilder<Date | null> {
  return sql<Date | null>`(select last_used_at from client_uses where client_uses.client_id = ${clientId})`
}

/**
 * When an API key was last accepted, exact to this moment, as a column of a query in which `apiKeyId` stands for its id;
 * null: never, as far as the log knows.
 */
export function lastUseOfApiKey(apiKeyId: RawBuilder<unknown>): RawBuilder<Date | null> {
  return sql<Date | null>`greatest(${lastRecentUseOfApiKey(apiKeyId)}, (
    select last_at from authentication_log_subjects where subject = ${subjectHash(apiKeyId, sql`'accepted'`)}
    order by last_at desc limit 1))`
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
