import { z } from 'zod'
import { dataScope, grantedPermission } from '#directory/access/grants.ts'
import { clientMetadataShape } from '#directory/clients/client.ts'
import type { ManagedClient } from '#directory/clients/managed-client-queries.ts'

/** What is said of every client, under the names of RFC 7591 and ours. */
const everyClient = {
  client_id: z.string().meta({ examples: ['console'] }),
  client_name: z.string().meta({ examples: ['Console'] }),
  client_secret: z.string().optional().describe('Only in the answer that made it, and nowhere else.'),
  permissions: z.array(z.string()).describe('What a service account may do.'),
  data_scopes: z
    .array(z.object({ source: z.string().nullable(), scope_id: z.string().nullable() }))
    .describe('What a service account may see.'),
  active: z
    .boolean()
    .describe('`false`: it gets no tokens, and those that it has are dead until it is switched on again.'),
  created_at: z.iso.datetime(),
  last_used_at: z.iso
    .datetime()
    .nullable()
    .describe('When it last got or used a token, or asked introspection; true within a minute.'),
}

export const client = z
  .object({
    ...everyClient,
    organization: z
      .object({ id: z.string(), slug: z.string(), name: z.string() })
      .nullable()
      .describe('Whose it is; null: the deployment’s.'),
    first_party: z.boolean(),
    resource_server: z.boolean(),
    resource: z.string().nullable(),
    access_token_format: z.enum(['opaque', 'jwt']),
    ...clientMetadataShape,
  })
  .meta({ id: 'Client' })

const { description, token_endpoint_auth_method, jwks, scope, contacts } = clientMetadataShape

export const serviceAccount = z
  .object({ ...everyClient, description, token_endpoint_auth_method, jwks, scope, contacts })
  .meta({ id: 'ServiceAccount' })

/** Members that change without an edit, or are there once. */
export const volatile = ['last_used_at', 'client_secret']

/** Either answer's schema takes of it what it names. @param secret the one that was just made */
export function toClientJson(of: ManagedClient, secret?: string): z.input<typeof client> {
  return {
    ...of.metadata,
    client_id: of.clientId,
    client_name: of.clientName,
    ...(secret !== undefined && { client_secret: secret }),
    organization: of.organization,
    first_party: of.firstParty,
    resource_server: of.resourceServer,
    resource: of.resource,
    access_token_format: of.accessTokenFormat,
    permissions: of.permissions,
    data_scopes: of.dataScopes,
    active: of.deactivatedAt === null,
    created_at: of.createdAt.toISOString(),
    last_used_at: of.lastUsedAt?.toISOString() ?? null,
  }
}

/** What a service account is given when it is made. */
export const grantsShape = {
  permissions: z
    .array(grantedPermission)
    .max(1000, 'must be at most 1000')
    .default([])
    .meta({ description: 'Of the catalogue; `resource:*` and `*` too.', examples: [['configuration-items:read']] }),
  data_scopes: z
    .array(dataScope)
    .max(1000, 'must be at most 1000')
    .default([])
    .meta({ description: 'Which rows it sees.', examples: [[{ source: 'kubernetes', scope_id: null }]] }),
}

/** `active` as a filter of a list. */
export const activeFilter = z.enum(['true', 'false']).optional().describe('Only those switched on, or off.')

export function toBoolean(value: 'true' | 'false' | undefined): boolean | undefined {
  return value === undefined ? undefined : value === 'true'
}

/** The members of an edit: null takes one away. */
export function nullable<Shape extends Record<string, z.ZodType>>(shape: Shape) {
  const members = Object.entries(shape).map(([name, member]) => [name, member.nullable()])
  return Object.fromEntries(members) as { [Member in keyof Shape]: z.ZodNullable<Shape[Member]> }
}
