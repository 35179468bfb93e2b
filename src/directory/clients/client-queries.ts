import { sql } from 'kysely'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import type { Client } from '#foundation/database/schema.ts'

/** A client that may act now: it is not deactivated, nor is the organization it belongs to suspended. */
export async function findActiveClient(db: Queryable, clientId: string): Promise<Client | undefined> {
  if (!isStorable(clientId)) return undefined
  return activeClients(db).where('c.clientId', '=', clientId).executeTakeFirst()
}

/** The resource server that a resource indicator names (RFC 8707). */
export async function findResourceServer(db: Queryable, resource: string): Promise<Client | undefined> {
  if (!isStorable(resource)) return undefined
  return activeClients(db).where('c.resource', '=', resource).where('c.resourceServer', '=', true).executeTakeFirst()
}

function activeClients(db: Queryable) {
  return db
    .selectFrom('clients as c')
    .leftJoin('organizations as o', 'o.id', 'c.organizationId')
    .selectAll('c')
    .where('c.deactivatedAt', 'is', null)
    .where('o.suspendedAt', 'is', null)
}

/** Clients, active or not: those of these ids and those that hold these resource identifiers. */
export function listClients(
  db: Queryable,
  { clientIds, resources = [] }: { clientIds: readonly string[]; resources?: readonly string[] },
): Promise<Client[]> {
  return db
    .selectFrom('clients')
    .selectAll()
    .where(sql<boolean>`client_id = any(${clientIds}::text[]) or resource = any(${resources}::text[])`)
    .execute()
}

/** Names of clients by id, whatever became of them. */
export async function namesOfClients(db: Queryable, ids: string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await db.selectFrom('clients').select(['clientId', 'clientName']).where('clientId', 'in', ids).execute()
  return new Map(rows.map(({ clientId, clientName }) => [clientId, clientName]))
}
