import { z } from 'zod'
import { clientId, clientShape } from '#directory/clients/client.ts'
import { createClient } from '#directory/clients/create-client.ts'
import { deleteClient } from '#directory/clients/delete-client.ts'
import { editClient } from '#directory/clients/edit-client.ts'
import { requireManagedClient } from '#directory/clients/managed-client.ts'
import { listManagedClients } from '#directory/clients/managed-client-queries.ts'
import { deleteClientSecret, rotateClientSecret } from '#directory/clients/rotate-client-secret.ts'
import { listSecrets } from '#directory/clients/secret-queries.ts'
import { findOrganization } from '#directory/organizations/organization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import { activeFilter, client, grantsShape, nullable, toBoolean, toClientJson, volatile } from './client-json.ts'
import { listOfSecrets, rotation, toRotationJson, toSecretList } from './secret-json.ts'

const tags: [string] = ['Clients']
const clientsPath = '/v1/clients'
const clientPath = `${clientsPath}/{client_id}`
const secretsPath = `${clientPath}/secrets`
const ofClient = z.strictObject({ client_id: z.string() })
const ofSecret = z.strictObject({ client_id: z.string(), id: z.string() })

const { client_id: _, ...members } = clientShape

/** `/v1/clients`: applications and resource servers of the deployment, and every client of an organization, by superadmins. */
export function clientApi(): ApiRoute[] {
  return [
    apiRoute({
      name: 'listClients',
      method: 'GET',
      path: clientsPath,
      summary: 'List clients',
      description:
        'Applications, resource servers and service accounts: those of the deployment unless `organization` says whose.',
      tags,
      query: z.strictObject({
        ...pageQuery,
        organization: z
          .string()
          .max(100)
          .optional()
          .describe('Id or slug of whose they are; `*`: of all, the deployment’s too.'),
        resource_server: z.enum(['true', 'false']).optional().describe('Only resource servers, or only others.'),
        active: activeFilter,
      }),
      answer: listOf(client),
      errors: ['not_found'],
      handle: async ({ db, query }) => {
        const filter = { resourceServer: toBoolean(query.resource_server), active: toBoolean(query.active) }
        const organizationId = await organizationOf(db, query.organization)
        const clients = await listManagedClients(db, { organizationId, ...filter }, query)
        return pageOf(
          clients,
          query.limit,
          ({ position }) => position,
          (one) => toClientJson(one),
        )
      },
    }),
    apiRoute({
      name: 'createClient',
      method: 'POST',
      path: clientsPath,
      summary: 'Create a client',
      description:
        'The members are those of RFC 7591. Without `token_endpoint_auth_method` it proves itself by `client_secret_basic`; ' +
        'its secret is made here and stands in this answer only. `organization` makes it that organization’s own: a resource ' +
        'server then learns nothing of other organizations. `permissions` and `data_scopes` are for service accounts: ' +
        '`client_credentials` in an organization.',
      tags,
      secret: true,
      body: z.strictObject({
        ...members,
        ...grantsShape,
        client_id: clientId.meta({ description: 'Left out: one is made up.', examples: ['console'] }).optional(),
        organization: z.string().max(100).optional().describe('Id or slug of whose it is; left out: the deployment’s.'),
        active: z.boolean().default(true),
      }),
      status: 201,
      answer: client,
      errors: ['not_found', 'conflict'],
      handle: async ({ db, actor, body: { client_id, organization, active, permissions, data_scopes, ...given } }) => {
        const made = await createClient(
          db,
          { actor, organization: null },
          {
            clientId: client_id,
            owner: await ownerOf(db, organization),
            members: given,
            grants: { permissions, dataScopes: data_scopes },
            active,
          },
        )
        return toClientJson(made.client, made.secret)
      },
    }),
    apiRoute({
      name: 'getClient',
      method: 'GET',
      path: clientPath,
      summary: 'Read a client',
      tags,
      volatile,
      params: ofClient,
      answer: client,
      errors: ['not_found'],
      find: ({ db, params }) => requireManagedClient(db, null, params.client_id),
      handle: async ({ found }) => toClientJson(found),
    }),
    apiRoute({
      name: 'editClient',
      method: 'PATCH',
      path: clientPath,
      summary: 'Edit a client',
      description:
        'What is left out stays; null takes a member away. It binds the next request on every node. `active: false` ends ' +
        'nothing for good: its tokens rest until it is switched on again. A client that proves itself by a secret from now on ' +
        'is given one, in this answer only; one that does no longer loses its secrets.',
      tags,
      secret: true,
      volatile,
      params: ofClient,
      body: z.strictObject({ ...nullable(members), active: z.boolean().optional() }),
      answer: client,
      errors: ['not_found', 'conflict'],
      find: ({ db, params }) => requireManagedClient(db, null, params.client_id),
      handle: async ({ db, actor, params, body }) => {
        const edited = await editClient(db, { actor, organization: null }, params.client_id, body)
        return toClientJson(edited.client, edited.secret)
      },
    }),
    apiRoute({
      name: 'deleteClient',
      method: 'DELETE',
      path: clientPath,
      summary: 'Delete a client',
      description:
        'With it go its grants, tokens and secrets, at once. Another client of the same id finds nothing of it.',
      tags,
      params: ofClient,
      errors: ['not_found'],
      find: ({ db, params }) => requireManagedClient(db, null, params.client_id),
      handle: ({ db, actor, params }) => deleteClient(db, { actor, organization: null }, params.client_id),
    }),
    apiRoute({
      name: 'listClientSecrets',
      method: 'GET',
      path: secretsPath,
      summary: 'List the live secrets of a client',
      tags,
      params: ofClient,
      answer: listOfSecrets,
      errors: ['not_found'],
      find: ({ db, params }) => requireManagedClient(db, null, params.client_id),
      handle: async ({ db, found }) => toSecretList(await listSecrets(db, found.clientId)),
    }),
    apiRoute({
      name: 'rotateClientSecret',
      method: 'POST',
      path: secretsPath,
      ...rotation,
      summary: 'Rotate the secret of a client',
      tags,
      params: ofClient,
      find: ({ db, params }) => requireManagedClient(db, null, params.client_id),
      handle: async ({ db, actor, params, body }) => {
        const management = { actor, organization: null }
        const overlap = { overlapSeconds: body.overlap_seconds }
        return toRotationJson(await rotateClientSecret(db, management, params.client_id, overlap))
      },
    }),
    apiRoute({
      name: 'deleteClientSecret',
      method: 'DELETE',
      path: `${secretsPath}/{id}`,
      summary: 'End a secret of a client at once',
      description: 'One that works for its overlap only. The one that stays is rotated instead.',
      tags,
      params: ofSecret,
      errors: ['not_found', 'conflict'],
      find: ({ db, params }) => requireManagedClient(db, null, params.client_id),
      handle: ({ db, actor, params }) =>
        deleteClientSecret(db, { actor, organization: null }, params.client_id, params.id),
    }),
  ]
}

/** Which clients are listed: null, the deployment's; undefined, all. @throws GatehouseError not_found */
async function organizationOf(db: Queryable, slugOrId: string | undefined): Promise<string | null | undefined> {
  if (slugOrId === undefined) return null
  if (slugOrId === '*') return undefined
  const organization = await findOrganization(db, slugOrId)
  if (!organization) throw new GatehouseError('not_found', 'There is no such organization.')
  return organization.id
}

/** @throws GatehouseError validation_failed */
async function ownerOf(db: Queryable, slugOrId: string | undefined) {
  if (slugOrId === undefined) return null
  const organization = await findOrganization(db, slugOrId)
  if (organization) return organization
  const message = 'is no organization'
  throw new GatehouseError('validation_failed', `organization ${message}.`, {
    fields: [{ path: 'organization', message }],
  })
}
