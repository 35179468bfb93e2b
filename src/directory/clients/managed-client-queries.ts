import { type RawBuilder, sql } from 'kysely'
import { lastUseOfClient } from '#credentials/log/last-uses.ts'
import { cursorTime } from '#foundation/database/clock.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import type { Client, Organization } from '#foundation/database/schema.ts'
import { startsWith } from '#foundation/database/starts-with.ts'
import type { PageQuery, Position } from '#foundation/http/list.ts'
import { builtInClientId } from './built-in-client.ts'

/** A client as those see it who manage it. */
export interface ManagedClient extends Client {
  organization: Pick<Organization, 'id' | 'slug' | 'name'> | null
  /** When it last got a token for itself or asked introspection, true within a minute; null: never, as the log knows. */
  lastUsedAt: Date | null
  position: Position
}

export interface ClientFilter {
  /** Null: the deployment's; undefined: of all. */
  organizationId: string | null | undefined
  /** Only clients that act for themselves and do nothing else, or only others. */
  serviceAccounts?: boolean
  resourceServer?: boolean | undefined
  active?: boolean | undefined
  /** Beginning of the name or of the id. */
  q?: string | undefined
}

/** Newest first; one more than a page has, where there is one. */
export async function listManagedClients(
  db: Queryable,
  { organizationId, serviceAccounts, resourceServer, active, q }: ClientFilter,
  { limit, cursor }: PageQuery,
): Promise<ManagedClient[]> {
  let clients = selectManagedClients(db)
  // Not `is not distinct from`, for which no index serves.
  if (organizationId === null) clients = clients.where('c.organizationId', 'is', null)
  else if (organizationId !== undefined) clients = clients.where('c.organizationId', '=', organizationId)
  if (serviceAccounts !== undefined)
    clients = clients.where(serviceAccounts ? isServiceAccount : sql<boolean>`not ${isServiceAccount}`)
  if (resourceServer !== undefined) clients = clients.where('c.resourceServer', '=', resourceServer)
  if (active !== undefined) clients = clients.where('c.deactivatedAt', active ? 'is' : 'is not', null)
  if (q !== undefined) clients = clients.where(startsWith(q, ['c.clientName', 'c.clientId']))
  if (cursor) clients = clients.where(sql<boolean>`(c.created_at, ${rank}) < (${cursor.at}::timestamptz, ${cursor.id})`)
  const rows = await clients
    .orderBy('c.createdAt', 'desc')
    .orderBy(rank, 'desc')
    .limit(limit + 1)
    .execute()
  return rows.map(toManagedClient)
}

/** @param organizationId whose service account it has to be; undefined: any client but Gatehouse's own */
export async function findManagedClient(
  db: Queryable,
  organizationId: string | undefined,
  clientId: string,
): Promise<ManagedClient | undefined> {
  if (!isStorable(clientId)) return undefined
  let client = selectManagedClients(db).where('c.clientId', '=', clientId)
  if (organizationId !== undefined) {
    client = client.where('c.organizationId', '=', organizationId).where(isServiceAccount)
  }
  const row = await client.executeTakeFirst()
  return row && toManagedClient(row)
}

/** An id may have characters that a cursor has not. */
const rank = sql<string>`md5(c.client_id)`

const isServiceAccount: RawBuilder<boolean> = sql`
  (not c.resource_server and c.metadata -> 'grant_types' = '["client_credentials"]')`

function selectManagedClients(db: Queryable) {
  return db
    .selectFrom('clients as c')
    .leftJoin('organizations as o', 'o.id', 'c.organizationId')
    .selectAll('c')
    .select(['o.slug as organizationSlug', 'o.name as organizationName'])
    .select(lastUseOfClient(sql`c.client_id`).as('lastUsedAt'))
    .select([cursorTime(sql`c.created_at`).as('at'), rank.as('rank')])
    .where('c.clientId', '!=', builtInClientId)
}

type Row = Awaited<ReturnType<ReturnType<typeof selectManagedClients>['execute']>>[number]

function toManagedClient({ organizationSlug: slug, organizationName: name, at, rank, ...row }: Row): ManagedClient {
  const { organizationId: id } = row
  const organization = id === null || slug === null || name === null ? null : { id, slug, name }
  return { ...row, organization, position: { at, id: rank } }
}
