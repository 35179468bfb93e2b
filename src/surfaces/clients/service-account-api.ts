import { z } from 'zod'
import { clientShape } from '#directory/clients/client.ts'
import { createServiceAccount } from '#directory/clients/create-client.ts'
import { deleteClient } from '#directory/clients/delete-client.ts'
import { editClient } from '#directory/clients/edit-client.ts'
import { requireManagedClient } from '#directory/clients/managed-client.ts'
import { listManagedClients } from '#directory/clients/managed-client-queries.ts'
import { deleteClientSecret, rotateClientSecret } from '#directory/clients/rotate-client-secret.ts'
import { listSecrets } from '#directory/clients/secret-queries.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import {
  activeFilter,
  grantsShape,
  nullable,
  serviceAccount,
  toBoolean,
  toClientJson,
  volatile,
} from './client-json.ts'
import { listOfSecrets, rotation, toRotationJson, toSecretList } from './secret-json.ts'

const tags: [string] = ['Service accounts']
const accountsPath = '/v1/organizations/{org}/service-accounts'
const accountPath = `${accountsPath}/{client_id}`
const secretsPath = `${accountPath}/secrets`
const ofOrganization = z.strictObject({ org: z.string() })
const ofAccount = z.strictObject({ org: z.string(), client_id: z.string() })
const ofSecret = z.strictObject({ org: z.string(), client_id: z.string(), id: z.string() })

const { client_name, description, jwks, scope, contacts } = clientShape
const members = {
  client_name,
  description,
  token_endpoint_auth_method: z
    .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt'])
    .describe('How it proves itself: by a secret that is made here, or (`private_key_jwt`) by a key of `jwks`.')
    .optional(),
  jwks,
  scope,
  contacts,
}

/** `/v1/organizations/{org}/service-accounts`: an organization's programs, by its administrators. */
export function serviceAccountApi(): ApiRoute[] {
  return [
    apiRoute({
      name: 'listServiceAccounts',
      method: 'GET',
      path: accountsPath,
      summary: 'List the service accounts of an organization',
      tags,
      params: ofOrganization,
      query: z.strictObject({ ...pageQuery, active: activeFilter }),
      answer: listOf(serviceAccount),
      handle: async ({ db, organization, query }) => {
        const filter = { organizationId: organization.id, serviceAccounts: true, active: toBoolean(query.active) }
        const accounts = await listManagedClients(db, filter, query)
        return pageOf(
          accounts,
          query.limit,
          ({ position }) => position,
          (one) => toClientJson(one),
        )
      },
    }),
    apiRoute({
      name: 'createServiceAccount',
      method: 'POST',
      path: accountsPath,
      summary: 'Create a service account',
      description:
        'It gets tokens by client credentials, for itself, in this organization. Its `client_id` is made up; the ' +
        '`client_secret` stands in this answer only.',
      tags,
      secret: true,
      params: ofOrganization,
      body: z.strictObject({ ...members, ...grantsShape, active: z.boolean().default(true) }),
      status: 201,
      answer: serviceAccount,
      handle: async ({ db, actor, organization, body: { active, permissions, data_scopes: dataScopes, ...given } }) => {
        const grants = { permissions, dataScopes }
        const made = await createServiceAccount(db, { actor, organization }, { members: given, grants, active })
        return toClientJson(made.client, made.secret)
      },
    }),
    apiRoute({
      name: 'getServiceAccount',
      method: 'GET',
      path: accountPath,
      summary: 'Read a service account',
      tags,
      volatile,
      params: ofAccount,
      answer: serviceAccount,
      errors: ['not_found'],
      find: ({ db, organization, params }) => requireManagedClient(db, organization, params.client_id),
      handle: async ({ found }) => toClientJson(found),
    }),
    apiRoute({
      name: 'editServiceAccount',
      method: 'PATCH',
      path: accountPath,
      summary: 'Edit a service account',
      description:
        'What is left out stays; null takes a member away. `active: false` ends nothing for good: its tokens rest until it ' +
        'is switched on again. One that proves itself by a secret from now on is given one, in this answer only.',
      tags,
      secret: true,
      volatile,
      params: ofAccount,
      body: z.strictObject({ ...nullable(members), active: z.boolean().optional() }),
      answer: serviceAccount,
      errors: ['not_found'],
      find: ({ db, organization, params }) => requireManagedClient(db, organization, params.client_id),
      handle: async ({ db, actor, organization, params, body }) => {
        const edited = await editClient(db, { actor, organization }, params.client_id, body)
        return toClientJson(edited.client, edited.secret)
      },
    }),
    apiRoute({
      name: 'deleteServiceAccount',
      method: 'DELETE',
      path: accountPath,
      summary: 'Delete a service account',
      description: 'With it go its tokens and secrets, at once.',
      tags,
      params: ofAccount,
      errors: ['not_found'],
      find: ({ db, organization, params }) => requireManagedClient(db, organization, params.client_id),
      handle: ({ db, actor, organization, params }) => deleteClient(db, { actor, organization }, params.client_id),
    }),
    apiRoute({
      name: 'listServiceAccountSecrets',
      method: 'GET',
      path: secretsPath,
      summary: 'List the live secrets of a service account',
      tags,
      params: ofAccount,
      answer: listOfSecrets,
      errors: ['not_found'],
      find: ({ db, organization, params }) => requireManagedClient(db, organization, params.client_id),
      handle: async ({ db, found }) => toSecretList(await listSecrets(db, found.clientId)),
    }),
    apiRoute({
      name: 'rotateServiceAccountSecret',
      method: 'POST',
      path: secretsPath,
      ...rotation,
      summary: 'Rotate the secret of a service account',
      tags,
      params: ofAccount,
      find: ({ db, organization, params }) => requireManagedClient(db, organization, params.client_id),
      handle: async ({ db, actor, organization, params, body }) => {
        const overlap = { overlapSeconds: body.overlap_seconds }
        return toRotationJson(await rotateClientSecret(db, { actor, organization }, params.client_id, overlap))
      },
    }),
    apiRoute({
      name: 'deleteServiceAccountSecret',
      method: 'DELETE',
      path: `${secretsPath}/{id}`,
      summary: 'End a secret of a service account at once',
      description: 'One that works for its overlap only. The one that stays is rotated instead.',
      tags,
      params: ofSecret,
      errors: ['not_found', 'conflict'],
      find: ({ db, organization, params }) => requireManagedClient(db, organization, params.client_id),
      handle: ({ db, actor, organization, params }) =>
        deleteClientSecret(db, { actor, organization }, params.client_id, params.id),
    }),
  ]
}
