import { sql } from 'kysely'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import type { Client } from '#foundation/database/schema.ts'
import type { LiveSecret } from './client-secrets.ts'
import { liveSecrets, type SecretText, toLiveSecrets } from './secret-queries.ts'

/** A client with the secrets by which it may prove itself now. */
export interface ClientWithSecrets extends Client {
  secrets: LiveSecret[]
}

/** A client that may act now: it is not deactivated, nor is the organization it belongs to suspended. */
export async function findActiveClient(db: Queryable, clientId: string): Promise<ClientWithSecrets | undefined> {
  if (!isStorable(clientId)) return undefined
  const client = await activeClients(db)
    .select(sql<SecretText[] | null>`${sql.raw(liveSecrets)}`.as('secrets'))
    .where('c.clientId', '=', clientId)
    .executeTakeFirst()
  return client && { ...client, secrets: toLiveSecrets(client.secrets) }
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
    .where(sql<boolean>`${sql.raw(clientIsActive)}`)
}

/** SQL: of the client `c` and the organization `o` that it belongs to, if to one. */
export const clientIsActive = 'c.deactivated_at is null and o.suspended_at is null'

/** Clients, active or not: those of these ids and those that hold these resource identifiers. */
export async function listClients(
  db: Queryable,
  { clientIds, resources = [] }: { clientIds: readonly string[]; resources?: readonly string[] },
): Promise<ClientWithSecrets[]> {
  const clients = await db
    .selectFrom('clients as c')
    .selectAll('c')
    .select(sql<SecretText[] | null>`${sql.raw(liveSecrets)}`.as('secrets'))
    .where(sql<boolean>`client_id = any(${clientIds}::text[]) or resource = any(${resources}::text[])`)
    .execute()
  return clients.map((client) => ({ ...client, secrets: toLiveSecrets(client.secrets) }))
}

/** Every client, or every resource server, active or not, by id. */
export function allClients(db: Queryable, { resourceServers }: { resourceServers: boolean }) {
  return db
    .selectFrom('clients')
    .selectAll()
    .where('resourceServer', '=', resourceServers)
    .orderBy(sql`client_id collate "C"`)
}

/** Names of clients by id, whatever became of them. */
export async function namesOfClients(db: Queryable, ids: string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await db.selectFrom('clients').select(['clientId', 'clientName']).where('clientId', 'in', ids).execute()
  return new Map(rows.map(({ clientId, clientName }) => [clientId, clientName]))
}
