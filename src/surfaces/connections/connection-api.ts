import { z } from 'zod'
import {
  callbackUrl,
  connectionLabel,
  connectionShape,
  describeConnection,
  issuerOf,
  upstreamSecret,
} from '#authentication/connections/connection.ts'
import { listConnections } from '#authentication/connections/connection-queries.ts'
import { removeConnection } from '#authentication/connections/remove-connection.ts'
import {
  type ConnectionManagement,
  type ConnectionParts,
  createConnection,
  editConnection,
  listTeams,
  namesOf,
  requireConnection,
} from '#authentication/connections/save-connection.ts'
import { stepNames, tryConnection } from '#authentication/connections/try-connection.ts'
import type { Actor } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection, Organization } from '#foundation/database/schema.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import type { Fetch } from '#foundation/http/outbound-fetch.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'

export interface ConnectionApiParts extends ConnectionParts {
  issuer: string
  outboundFetch: Fetch
}

/** `/v1/connections` and `/v1/organizations/{org}/connections`: upstream identity providers. */
export function connectionApi(parts: ConnectionApiParts): ApiRoute[] {
  return [
    ...routesFor(parts, {
      path: '/v1/organizations/{org}/connections',
      nameSuffix: 'OfOrganization',
      whose: 'of an organization',
      params: { org: z.string() },
    }),
    ...routesFor(parts, {
      path: '/v1/connections',
      nameSuffix: '',
      whose: 'of the whole deployment',
      params: {},
    }),
  ]
}

/** Who manages whose connections: the deployment's where the path names no organization. */
interface Asked {
  db: Queryable
  actor: Actor
  organization: Organization | undefined
}

function managementOf({
  actor,
  organization = null,
}: Pick<Asked, 'actor'> & { organization?: Organization | null | undefined }): ConnectionManagement {
  return { actor, organization }
}

/** The same six routes for either kind of owner. */
interface OwnerRoutes<Params> {
  path: string
  nameSuffix: '' | 'OfOrganization'
  whose: string
  params: { [Name in keyof Params]: z.ZodType<Params[Name]> }
}

const tags: [string] = ['Connections']

function routesFor<Params extends object>(parts: ConnectionApiParts, owner: OwnerRoutes<Params>): ApiRoute[] {
  const { issuer } = parts
  const { path, nameSuffix, whose } = owner
  const ofOwner = z.strictObject(owner.params) as unknown as z.ZodType<Params>
  const ofConnection = z.strictObject({ ...owner.params, name: z.string() }) as unknown as z.ZodType<
    Params & { name: string }
  >
  async function toAnswer(db: Queryable, { organization }: ConnectionManagement, connections: readonly Connection[]) {
    const teamNames = namesOf(await listTeams(db, organization?.id ?? null))
    return connections.map((connection) => ({
      id: connection.id,
      name: connection.name,
      ...describeConnection(connection, teamNames),
      label: connectionLabel(connection),
      issuer: connection.type === 'google' ? issuerOf(connection) : connection.issuer,
      has_client_secret: connection.clientSecret !== null,
      callback_url: callbackUrl(issuer, connection),
      created_at: connection.createdAt.toISOString(),
    }))
  }
  async function toOne(db: Queryable, management: ConnectionManagement, row: Connection) {
    const [answer] = await toAnswer(db, management, [row])
    return answer!
  }
  const find = ({ db, organization, params }: Asked & { params: { name: string } }) =>
    requireConnection(db, organization?.id ?? null, params.name)

  return [
    apiRoute({
      name: `listConnections${nameSuffix}`,
      method: 'GET',
      path,
      summary: `List the connections ${whose}`,
      tags,
      params: ofOwner,
      query: z.strictObject(pageQuery),
      answer: listOf(connection),
      errors: ['permission_denied', 'not_found'],
      handle: async ({ db, query, ...request }) => {
        const management = managementOf(request)
        const rows = await listConnections(db, { organizationId: management.organization?.id ?? null }, query)
        const page = pageOf(
          rows,
          query.limit,
          (row) => ({ at: row.createdAt, id: row.id }),
          (row) => row,
        )
        return { ...page, items: await toAnswer(db, management, page.items) }
      },
    }),
    apiRoute({
      name: `createConnection${nameSuffix}`,
      method: 'POST',
      path,
      summary: `Create a connection ${whose}`,
      description:
        'Register `callback_url` of the answer at the provider. The secret is stored encrypted and never shown.',
      tags,
      params: ofOwner,
      body: z.strictObject(writable),
      status: 201,
      answer: connection,
      errors: ['permission_denied', 'not_found', 'conflict'],
      handle: async ({ db, body, ...request }) => {
        const management = managementOf(request)
        return toOne(db, management, await createConnection(db, parts, management, body))
      },
    }),
    apiRoute({
      name: `getConnection${nameSuffix}`,
      method: 'GET',
      path: `${path}/{name}`,
      summary: `Read a connection ${whose}`,
      tags,
      params: ofConnection,
      answer: connection,
      errors: ['permission_denied', 'not_found'],
      find,
      handle: ({ db, found, ...request }) => toOne(db, managementOf(request), found),
    }),
    apiRoute({
      name: `editConnection${nameSuffix}`,
      method: 'PATCH',
      path: `${path}/{name}`,
      summary: `Change a connection ${whose}`,
      description:
        'What is left out stays; null removes. Another type or issuer needs the secret again. Switching `required` on ' +
        'ends what members of the organization signed in to, but for superadmins: they come back through the ' +
        'connection. API keys live on.',
      tags,
      params: ofConnection,
      body: z.strictObject(writable).omit({ name: true }).partial(),
      answer: connection,
      errors: ['permission_denied', 'not_found'],
      find,
      handle: async ({ db, params, body, ...request }) => {
        const management = managementOf(request)
        return toOne(db, management, await editConnection(db, parts, management, params.name, body))
      },
    }),
    apiRoute({
      name: `removeConnection${nameSuffix}`,
      method: 'DELETE',
      path: `${path}/{name}`,
      summary: `Remove a connection ${whose}`,
      description: 'With it goes who its subjects are here; accounts and memberships stay.',
      tags,
      params: ofConnection,
      errors: ['permission_denied', 'not_found'],
      find,
      handle: ({ db, params, ...request }) => removeConnection(db, managementOf(request), params.name),
    }),
    apiRoute({
      name: `tryConnection${nameSuffix}`,
      method: 'POST',
      path: `${path}/{name}/try`,
      summary: `Try a connection ${whose}`,
      description: 'Asks the provider what a sign-in would need, as far as that goes without a person.',
      tags,
      params: ofConnection,
      answer: z.object({ steps: z.array(triedStep) }),
      errors: ['permission_denied', 'not_found'],
      transaction: 'own',
      find,
      handle: async ({ found }) => ({ steps: await tryConnection(found, { ...parts, fetch: parts.outboundFetch }) }),
    }),
  ]
}

const writable = { ...connectionShape, client_secret: upstreamSecret.nullish() }

const connection = z
  .object({
    id: z.string(),
    name: z.string(),
    type: z.enum(['oidc', 'google', 'github']),
    display_name: z.string().nullable(),
    label: z.string().describe('What its button says'),
    issuer: z.string().nullable(),
    client_id: z.string(),
    has_client_secret: z.boolean(),
    jit: z.boolean(),
    default_teams: z.array(z.string()),
    group_claim: z.string().nullable(),
    group_teams: z.record(z.string(), z.string()),
    required: z.boolean(),
    sign_out: z.boolean(),
    enabled: z.boolean(),
    callback_url: z.string(),
    created_at: z.string(),
  })
  .meta({ id: 'Connection' })

const triedStep = z.object({
  step: z.enum(stepNames),
  outcome: z.enum(['ok', 'failed', 'skipped']),
  detail: z.string(),
})
