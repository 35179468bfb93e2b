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
import { requireSuperadmin } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import type { Fetch } from '#foundation/http/outbound-fetch.ts'
import { actorOf } from '#surfaces/api-kit/acting-caller.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import type { AuthenticatedCaller } from '#surfaces/api-kit/authenticated-caller.ts'
import { requireManagedOrganization } from '#surfaces/api-kit/managed-organization.ts'

export interface ConnectionApiParts extends ConnectionParts {
  issuer: string
  db: Queryable
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
      async manage(caller, { org }) {
        return requireManagedOrganization(parts.db, caller, org)
      },
    }),
    ...routesFor(parts, {
      path: '/v1/connections',
      nameSuffix: '',
      whose: 'of the whole deployment',
      params: {},
      async manage(caller) {
        const actor = await actorOf(parts.db, caller)
        requireSuperadmin(actor)
        return { organization: null, actor }
      },
    }),
  ]
}

/** The same six routes for either kind of owner. */
interface OwnerRoutes<Params> {
  path: string
  nameSuffix: string
  whose: string
  params: { [Name in keyof Params]: z.ZodType<Params[Name]> }
  /** @throws GatehouseError for callers who may not manage the connections */
  manage(caller: AuthenticatedCaller, params: Params): Promise<ConnectionManagement>
}

const tags: [string] = ['Connections']

function routesFor<Params extends object>(parts: ConnectionApiParts, owner: OwnerRoutes<Params>): ApiRoute[] {
  const { db, issuer } = parts
  const { path, nameSuffix, whose, manage } = owner
  const ofOwner = z.strictObject(owner.params) as unknown as z.ZodType<Params>
  const ofConnection = z.strictObject({ ...owner.params, name: z.string() }) as unknown as z.ZodType<
    Params & { name: string }
  >
  async function toAnswer({ organization }: ConnectionManagement, connections: readonly Connection[]) {
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
  async function toOne(management: ConnectionManagement, row: Connection) {
    const [answer] = await toAnswer(management, [row])
    return answer!
  }
  const find = ({ organization }: ConnectionManagement, name: string) =>
    requireConnection(db, organization?.id ?? null, name)

  return [
    apiRoute({
      name: `listConnections${nameSuffix}`,
      method: 'GET',
      path,
      summary: `List the connections ${whose}`,
      tags,
      credential: 'required',
      params: ofOwner,
      query: z.strictObject(pageQuery),
      answer: listOf(connection),
      errors: ['permission_denied', 'not_found'],
      handle: async ({ caller, params, query }) => {
        const management = await manage(caller, params)
        const rows = await listConnections(db, { organizationId: management.organization?.id ?? null }, query)
        const page = pageOf(
          rows,
          query.limit,
          (row) => ({ at: row.createdAt, id: row.id }),
          (row) => row,
        )
        return { ...page, items: await toAnswer(management, page.items) }
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
      credential: 'required',
      apiKeys: 'never',
      params: ofOwner,
      body: z.strictObject(writable),
      status: 201,
      answer: connection,
      errors: ['permission_denied', 'not_found', 'conflict'],
      handle: async ({ caller, params, body }) => {
        const management = await manage(caller, params)
        return toOne(management, await createConnection(db, parts, management, body))
      },
    }),
    apiRoute({
      name: `getConnection${nameSuffix}`,
      method: 'GET',
      path: `${path}/{name}`,
      summary: `Read a connection ${whose}`,
      tags,
      credential: 'required',
      params: ofConnection,
      answer: connection,
      errors: ['permission_denied', 'not_found'],
      handle: async ({ caller, params }) => {
        const management = await manage(caller, params)
        return toOne(management, await find(management, params.name))
      },
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
      credential: 'required',
      apiKeys: 'never',
      params: ofConnection,
      body: z.strictObject(writable).omit({ name: true }).partial(),
      answer: connection,
      errors: ['permission_denied', 'not_found'],
      handle: async ({ caller, params, body }) => {
        const management = await manage(caller, params)
        return toOne(management, await editConnection(db, parts, management, params.name, body))
      },
    }),
    apiRoute({
      name: `removeConnection${nameSuffix}`,
      method: 'DELETE',
      path: `${path}/{name}`,
      summary: `Remove a connection ${whose}`,
      description: 'With it goes who its subjects are here; accounts and memberships stay.',
      tags,
      credential: 'required',
      apiKeys: 'never',
      params: ofConnection,
      errors: ['permission_denied', 'not_found'],
      handle: async ({ caller, params }) => removeConnection(db, await manage(caller, params), params.name),
    }),
    apiRoute({
      name: `tryConnection${nameSuffix}`,
      method: 'POST',
      path: `${path}/{name}/try`,
      summary: `Try a connection ${whose}`,
      description: 'Asks the provider what a sign-in would need, as far as that goes without a person.',
      tags,
      credential: 'required',
      apiKeys: 'never',
      params: ofConnection,
      answer: z.object({ steps: z.array(triedStep) }),
      errors: ['permission_denied', 'not_found'],
      handle: async ({ caller, params }) => {
        const row = await find(await manage(caller, params), params.name)
        return { steps: await tryConnection(row, { ...parts, fetch: parts.outboundFetch }) }
      },
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
