import { z } from 'zod'
import { authorizationOrigins, type GrantSource, listGrantSources } from '#directory/access/authorization-origins.ts'
import { findActiveClient } from '#directory/clients/client-queries.ts'
import { findOrganization, listOrganizationsOfUser } from '#directory/organizations/organization-queries.ts'
import { findActiveUser } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { organizationSummary } from '#foundation/values/names.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import type { AuthenticatedCaller } from '#surfaces/api-kit/authenticated-caller.ts'

/** `/v1/me`: who the presented credential acts for, where, and what it may do and see. */
export function meApi(): ApiRoute[] {
  return [
    apiRoute({
      name: 'me',
      method: 'GET',
      path: '/v1/me',
      summary: 'Who am I, and what may I do and see?',
      description:
        'Each permission and data scope is listed with every place it comes from. A credential that was narrowed shows ' +
        'what it may do, not what its owner may. `user` is null for a service account.',
      tags: ['Me'],
      answer: callerDescription,
      handle: ({ db, caller }) => describeCaller(db, caller),
    }),
  ]
}

async function describeCaller(db: Queryable, caller: AuthenticatedCaller): Promise<z.input<typeof callerDescription>> {
  const { userId, clientId, organizationId } = caller.credential
  const [user, client, organization, memberships, sources] = await Promise.all([
    userId === null ? undefined : findActiveUser(db, userId),
    clientId === null ? undefined : findActiveClient(db, clientId),
    organizationId === null ? undefined : findOrganization(db, organizationId),
    userId === null ? [] : listOrganizationsOfUser(db, userId),
    sourcesOf(db, caller),
  ])
  const { permissions, dataScopes } = authorizationOrigins(caller, sources)
  return {
    user: user ?? null,
    client: client ? { client_id: client.clientId, name: client.clientName } : null,
    organization: organization ?? null,
    memberships: memberships.map((membership) => ({ organization: membership, admin: membership.admin })),
    permissions,
    data_scopes: dataScopes,
  }
}

/** A service account holds all it holds directly. */
async function sourcesOf(db: Queryable, { credential, ...held }: AuthenticatedCaller): Promise<GrantSource[]> {
  const { userId, organizationId } = credential
  if (organizationId === null) return []
  return userId === null ? [{ origin: 'direct', ...held }] : listGrantSources(db, { userId, organizationId })
}

/** Two named kinds, so that generators of clients make a word and a class of them. */
const origin = z
  .union([
    z
      .enum(['direct', 'superadmin'])
      .meta({ id: 'OwnOrigin', description: 'Granted to the membership itself, or held by every superadmin' }),
    z
      .object({ team: z.object({ id: z.string(), name: z.string() }).describe('Which team') })
      .meta({ id: 'TeamOrigin', description: 'Granted to a team' }),
  ])
  .meta({ id: 'Origin', description: 'Where a permission or a data scope comes from' })

const callerDescription = z
  .object({
    user: z.object({ id: z.string(), email: z.string(), name: z.string(), superadmin: z.boolean() }).nullable(),
    client: z.object({ client_id: z.string(), name: z.string() }).nullable(),
    organization: organizationSummary.nullable(),
    memberships: z.array(z.object({ organization: organizationSummary, admin: z.boolean() })),
    permissions: z.array(z.object({ permission: z.string(), from: z.array(origin) })),
    data_scopes: z.array(
      z.object({ source: z.string().nullable(), scope_id: z.string().nullable(), from: z.array(origin) }),
    ),
  })
  .meta({ id: 'CallerDescription' })
