import { sql } from 'kysely'
import { nanoid } from 'nanoid'
import { canonicalGrants } from '#directory/access/grants.ts'
import { databaseNow } from '#foundation/database/clock.ts'
import { type Queryable, toJson } from '#foundation/database/database.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'
import type { ClientMetadata } from './client.ts'

/** The moment of deactivation stays when an inactive client is edited. */
const deactivation = sql<Date>`coalesce(deactivated_at, now())`

/** A client as its row holds it. */
export interface ClientContent {
  clientName: string
  /** Made by `toClientMetadata`, after `clientProblems` found nothing. */
  metadata: ClientMetadata
  firstParty: boolean
  resourceServer: boolean
  /** RFC 8707 identifier of a resource server. */
  resource: string | null
  accessTokenFormat: 'opaque' | 'jwt'
  organizationId: string | null
  /** Grants of a service account. */
  permissions: string[]
  dataScopes: DataScope[]
  active: boolean
}

export interface NewClient extends ClientContent {
  clientId: string
}

/** @throws on `clients_pkey` or `clients_resource_unique` when the id or the resource is taken */
export async function insertClients(tx: Queryable, clients: readonly NewClient[]): Promise<void> {
  if (clients.length === 0) return
  await tx
    .insertInto('clients')
    .values(
      clients.map(({ clientId, ...content }) => ({
        clientId,
        ...toColumns(content),
        deactivatedAt: content.active ? null : databaseNow,
      })),
    )
    .execute()
}

/** Replaces all of a client but its id. Its `revision` changes, so that a remembered one is looked up again. */
export async function replaceClient(tx: Queryable, clientId: string, content: ClientContent): Promise<void> {
  await tx
    .updateTable('clients')
    .set({ ...toColumns(content), deactivatedAt: content.active ? null : deactivation })
    .where('clientId', '=', clientId)
    .execute()
}

/** Lets go of resource identifiers, for resource servers that are about to exchange them: each is unique. */
export async function releaseResources(tx: Queryable, clientIds: readonly string[]): Promise<void> {
  if (clientIds.length === 0) return
  await tx.updateTable('clients').set({ resource: null }).where('clientId', 'in', clientIds).execute()
}

function toColumns({ active: _, metadata, permissions, dataScopes, ...content }: ClientContent) {
  const grants = canonicalGrants({ permissions, dataScopes })
  return {
    ...content,
    metadata: toJson(metadata),
    permissions: toJson(grants.permissions),
    dataScopes: toJson(grants.dataScopes),
    revision: nanoid(),
  }
}
