import { sql } from 'kysely'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import type { Connection } from '#foundation/database/schema.ts'
import type { PageQuery } from '#foundation/http/list.ts'

/** Whose connections are meant: an organization's own, or (null) those of the whole deployment. */
export interface ConnectionOwner {
  organizationId: string | null
}

/**
 * A connection that a person may sign in through now: it is enabled, and the organization it belongs to isn't
 * suspended. `clientSecret` is still encrypted.
 * @param handle what stands in its addresses
 */
export async function findEnabledConnection(db: Queryable, handle: string): Promise<Connection | undefined> {
  if (!isStorable(handle)) return undefined
  return enabledConnections(db).where('c.handle', '=', handle).executeTakeFirst()
}

/** The same by its name among those of one owner. */
export async function findEnabledConnectionOf(
  db: Queryable,
  { organizationId }: ConnectionOwner,
  name: string,
): Promise<Connection | undefined> {
  if (!isStorable(name)) return undefined
  return enabledConnections(db)
    .where('c.organizationId', 'is not distinct from', organizationId)
    .where('c.name', '=', name)
    .executeTakeFirst()
}

/** The same by id: of one that a person has signed in through. */
export function findEnabledConnectionById(db: Queryable, id: string): Promise<Connection | undefined> {
  return enabledConnections(db).where('c.id', '=', id).executeTakeFirst()
}

/** The connections that a sign-in page may offer, in the order in which they were made. */
export function listEnabledConnections(db: Queryable, owner: ConnectionOwner): Promise<Connection[]> {
  return enabledConnections(db)
    .where('c.organizationId', 'is not distinct from', owner.organizationId)
    .orderBy('c.createdAt')
    .orderBy('c.name')
    .execute()
}

/** Whether any organization has an enabled connection. @param only the ones that their organization requires */
export async function haveOrganizationsConnections(db: Queryable, only?: 'required'): Promise<boolean> {
  let connections = enabledConnections(db).where('c.organizationId', 'is not', null)
  if (only) connections = connections.where('c.required', '=', true)
  return (await connections.limit(1).executeTakeFirst()) !== undefined
}

/**
 * One connection of its owner, enabled or not, for those who manage it.
 * @param lock held until the transaction ends, by the transaction that is about to change it
 */
export async function findConnection(
  db: Queryable,
  { organizationId }: ConnectionOwner,
  name: string,
  lock?: 'locked',
): Promise<Connection | undefined> {
  if (!isStorable(name)) return undefined
  const connection = db
    .selectFrom('connections')
    .selectAll()
    .where('organizationId', 'is not distinct from', organizationId)
    .where('name', '=', name)
  return (lock ? connection.forUpdate() : connection).executeTakeFirst()
}

/** One of any owner by what stands in its addresses, enabled or not: for its administrators, who try it. */
export async function findConnectionByHandle(db: Queryable, handle: string): Promise<Connection | undefined> {
  if (!isStorable(handle)) return undefined
  return db.selectFrom('connections').selectAll().where('handle', '=', handle).executeTakeFirst()
}

/** A moment as a cursor holds it: to the millisecond. */
const createdAt = sql<Date>`date_trunc('milliseconds', created_at)`

/** The connections of one owner, newest first, enabled or not: one more than the page has. */
export function listConnections(
  db: Queryable,
  { organizationId }: ConnectionOwner,
  { limit, cursor }: PageQuery,
): Promise<Connection[]> {
  let connections = db
    .selectFrom('connections')
    .selectAll()
    .where('organizationId', 'is not distinct from', organizationId)
    .orderBy(createdAt, 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
  if (cursor) connections = connections.where(sql<boolean>`(${createdAt}, id) < (${cursor.at}, ${cursor.id})`)
  return connections.execute()
}

function enabledConnections(db: Queryable) {
  return db
    .selectFrom('connections as c')
    .leftJoin('organizations as o', 'o.id', 'c.organizationId')
    .selectAll('c')
    .where('c.enabled', '=', true)
    .where('o.suspendedAt', 'is', null)
}

/** The deployment's connections and those of these organizations, enabled or not, by name. */
export function listConnectionsOfOwners(db: Queryable, slugs: readonly string[]): Promise<Connection[]> {
  return db
    .selectFrom('connections as c')
    .leftJoin('organizations as o', 'o.id', 'c.organizationId')
    .selectAll('c')
    .where(sql<boolean>`c.organization_id is null or o.slug = any(${slugs}::text[])`)
    .orderBy('c.name')
    .execute()
}

/** Connections, of any owner, whose addresses hold one of these. */
export function listHandles(db: Queryable, handles: readonly string[]): Promise<Pick<Connection, 'id' | 'handle'>[]> {
  return db
    .selectFrom('connections')
    .select(['id', 'handle'])
    .where(sql<boolean>`handle = any(${handles}::text[])`)
    .execute()
}
