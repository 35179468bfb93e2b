import type { z } from 'zod'
import { canonicalGrants, type Grants } from '#directory/access/grants.ts'
import type { Client } from '#foundation/database/schema.ts'
import { type ClientRegistration, type clientShape, toClientMetadata } from './client.ts'
import type { ClientContent } from './save-client.ts'

/** What a client is registered with, under the names of RFC 7591 and ours. */
export type ClientMembers = Omit<z.infer<z.ZodObject<typeof clientShape>>, 'client_id'>

/** What is given to a client beside its registration. */
export interface ClientPlace {
  organizationId: string | null
  grants: Grants
  active: boolean
}

/** The row of a registration that is in order. */
export function toClientContent(client: ClientRegistration, { organizationId, grants, active }: ClientPlace) {
  return {
    clientName: client.client_name ?? client.client_id,
    metadata: toClientMetadata(client),
    firstParty: client.first_party ?? false,
    resourceServer: client.resource_server ?? false,
    resource: client.resource ?? null,
    accessTokenFormat: client.access_token_format ?? 'opaque',
    organizationId,
    ...canonicalGrants(grants),
    active,
  } satisfies ClientContent
}

export function contentOf(client: Client): ClientContent {
  const { clientName, metadata, firstParty, resourceServer, resource, accessTokenFormat, organizationId } = client
  const { permissions, dataScopes, deactivatedAt } = client
  const members = { clientName, metadata, firstParty, resourceServer, resource, accessTokenFormat, organizationId }
  return { ...members, permissions, dataScopes, active: deactivatedAt === null }
}

/** The registration of a row, without what follows from the rest of it. */
export function membersOf(client: Client): ClientMembers {
  const { response_types: _, ...metadata } = client.metadata as ClientMembers
  return {
    client_name: client.clientName,
    first_party: client.firstParty,
    resource_server: client.resourceServer,
    ...(client.resource !== null && { resource: client.resource }),
    ...(client.accessTokenFormat !== 'opaque' && { access_token_format: client.accessTokenFormat }),
    ...metadata,
  }
}

/** A client in the words of the setup file, for who reads of a change. @param organization the slug of its own */
export function describeClient(content: ClientContent, organization: string | null): Record<string, unknown> {
  return {
    client_name: content.clientName,
    first_party: content.firstParty,
    resource_server: content.resourceServer,
    resource: content.resource,
    access_token_format: content.accessTokenFormat,
    organization,
    permissions: content.permissions,
    data_scopes: content.dataScopes,
    active: content.active,
    ...content.metadata,
  }
}
