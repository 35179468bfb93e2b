import { z } from 'zod'
import { apiKeyEdit, newApiKeyInput } from '#authentication/api-keys/api-key-input.ts'
import { type ApiKey, findApiKey, listApiKeys } from '#authentication/api-keys/api-key-queries.ts'
import { type CreateApiKeyParts, createApiKey } from '#authentication/api-keys/create-api-key.ts'
import { deleteApiKey } from '#authentication/api-keys/delete-api-key.ts'
import { editApiKey } from '#authentication/api-keys/edit-api-key.ts'
import { reactivateApiKey } from '#authentication/api-keys/reactivate-api-key.ts'
import { reportLeakedApiKey } from '#authentication/api-keys/report-leaked-api-key.ts'
import { revokeApiKey } from '#authentication/api-keys/revoke-api-key.ts'
import { longestOverlapSeconds, rotateApiKey } from '#authentication/api-keys/rotate-api-key.ts'
import type { ReferenceTo } from '#credentials/resolve/credential.ts'
import { requireMember } from '#directory/organizations/membership-queries.ts'
import { type Actor, isActor } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import type { CreateRateLimit } from '#foundation/http/rate-limit.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import { apiKey, apiKeyJson, newApiKey } from './api-key-json.ts'

export interface ApiKeyApiParts extends CreateApiKeyParts {
  referenceTo: ReferenceTo
  createRateLimit: CreateRateLimit
}

const id = z.strictObject({ id: z.string() })
const tags: [string] = ['API keys']
const path = '/v1/api-keys/{id}'

/** `/v1/api-keys`: a person's own keys, and for an administrator those of the organization's members. */
export function apiKeyApi(parts: ApiKeyApiParts): ApiRoute[] {
  const { referenceTo } = parts
  const partsOn = (db: Queryable) => ({ ...parts, db })
  const reports = parts.createRateLimit({ name: 'leak-reports', points: 30, seconds: 60 })
  return [
    apiRoute({
      name: 'listApiKeys',
      method: 'GET',
      path: '/v1/api-keys',
      summary: 'List API keys',
      description: 'One’s own; an administrator may name a member by id or e-mail, or everybody with `user=*`.',
      tags,
      query: z.strictObject({
        ...pageQuery,
        user: z.string().max(254).optional(),
        status: z.enum(['active', 'expired', 'revoked'], { error: 'must be active, expired or revoked' }).optional(),
      }),
      answer: listOf(apiKey),
      errors: ['permission_denied', 'not_found'],
      async handle({ db, actor, query }) {
        const { organizationId } = actor
        const userId = await listedUser(db, actor, query.user)
        const rows = await listApiKeys(db, { organizationId, userId, status: query.status }, query)
        return pageOf(rows, query.limit, (key) => ({ at: key.createdAt, id: key.id }), apiKeyJson)
      },
    }),
    apiRoute({
      name: 'createApiKey',
      method: 'POST',
      path: '/v1/api-keys',
      summary: 'Create an API key',
      description: 'The answer holds the key itself, this once. `user` names a member, for administrators.',
      tags,
      body: newApiKeyInput,
      status: 201,
      answer: newApiKey,
      errors: ['permission_denied', 'not_found', 'conflict', 'limit_reached'],
      secret: true,
      async handle({ db, actor, body }) {
        const { key, apiKey } = await createApiKey(partsOn(db), actor, body)
        return { ...apiKeyJson(apiKey), key }
      },
    }),
    apiRoute({
      name: 'getApiKey',
      method: 'GET',
      path,
      summary: 'Look at an API key',
      tags,
      params: id,
      answer: apiKey,
      errors: ['permission_denied', 'not_found'],
      volatile: ['last_used_at'],
      find,
      handle: async ({ found }) => apiKeyJson(found),
    }),
    apiRoute({
      name: 'editApiKey',
      method: 'PATCH',
      path,
      summary: 'Change name, description or expiry',
      tags,
      params: id,
      body: apiKeyEdit,
      answer: apiKey,
      errors: ['permission_denied', 'not_found', 'conflict'],
      find,
      handle: async ({ db, actor, params, body }) => apiKeyJson(await editApiKey(partsOn(db), actor, params.id, body)),
    }),
    apiRoute({
      name: 'revokeApiKey',
      method: 'POST',
      path: `${path}/revoke`,
      summary: 'Revoke an API key, at once',
      tags,
      params: id,
      answer: apiKey,
      errors: ['permission_denied', 'not_found'],
      find,
      handle: async ({ db, actor, params }) => apiKeyJson(await revokeApiKey(partsOn(db), actor, params.id)),
    }),
    apiRoute({
      name: 'reactivateApiKey',
      method: 'POST',
      path: `${path}/reactivate`,
      summary: 'Re-activate a revoked API key that has not expired',
      tags,
      params: id,
      answer: apiKey,
      errors: ['permission_denied', 'not_found', 'conflict', 'limit_reached'],
      find,
      handle: async ({ db, actor, params }) => apiKeyJson(await reactivateApiKey(partsOn(db), actor, params.id)),
    }),
    apiRoute({
      name: 'rotateApiKey',
      method: 'POST',
      path: `${path}/rotate`,
      summary: 'Replace an API key by a successor',
      description:
        'Same name, owner, format and restrictions. The old key works on for `overlap_seconds`, never beyond its own ' +
        'end; both count as live meanwhile. The answer holds the new key, this once.',
      tags,
      params: id,
      body: z.strictObject({
        overlap_seconds: z
          .int('must be a whole number of seconds')
          .min(0, 'must be at least 0')
          .max(longestOverlapSeconds, `must be at most ${longestOverlapSeconds}`)
          .default(0),
      }),
      status: 201,
      answer: newApiKey,
      errors: ['not_found', 'conflict', 'limit_reached'],
      secret: true,
      find,
      async handle({ db, actor, params, body }) {
        const overlapSeconds = body.overlap_seconds
        const { key, apiKey } = await rotateApiKey(partsOn(db), actor, params.id, { overlapSeconds })
        return { ...apiKeyJson(apiKey), key }
      },
    }),
    apiRoute({
      name: 'deleteApiKey',
      method: 'DELETE',
      path,
      summary: 'Delete an API key',
      tags,
      params: id,
      errors: ['permission_denied', 'not_found'],
      find,
      handle: ({ db, actor, params }) => deleteApiKey(partsOn(db), actor, params.id),
    }),
    apiRoute({
      name: 'revokeLeakedApiKey',
      method: 'POST',
      path: '/v1/api-keys/revoke-leaked',
      summary: 'Revoke a key that you have found somewhere',
      description:
        'Holding the key is all it takes. The answer is the same whether or not it was a key; its owner gets a mail.',
      tags,
      body: z.strictObject({ key: z.string().trim().min(1, 'must not be empty').max(8192, 'is too long for a key') }),
      status: 202,
      answer: z.object({ status: z.literal('accepted') }),
      errors: ['too_many_requests'],
      async handle({ body, ip }) {
        const retryAfterSeconds = await reports.take(ip)
        if (retryAfterSeconds > 0) {
          throw new GatehouseError('too_many_requests', 'Too many reports. Try again later.', { retryAfterSeconds })
        }
        const reference = await referenceTo(body.key)
        if (typeof reference === 'object') await reportLeakedApiKey(parts, reference)
        return { status: 'accepted' as const }
      },
    }),
  ]
}

/** One's own, or for an administrator any of the organization. @throws GatehouseError not_found */
async function find({ db, actor, params }: { db: Queryable; actor: Actor; params: { id: string } }): Promise<ApiKey> {
  const { user, organizationId, isAdmin } = actor
  const found = await findApiKey(db, { organizationId, userId: isAdmin ? undefined : user.id }, params.id)
  if (!found) throw new GatehouseError('not_found', 'There is no such API key.')
  return found
}

/** @returns whose keys to list; undefined for everybody's */
async function listedUser(db: Queryable, actor: Actor, wanted: string | undefined): Promise<string | undefined> {
  const { user, organizationId, isAdmin } = actor
  if (wanted === undefined || isActor(actor, wanted)) return user.id
  if (!isAdmin) {
    throw new GatehouseError('permission_denied', 'Only administrators of the organization see the keys of others.')
  }
  return wanted === '*' ? undefined : (await requireMember(db, organizationId, wanted)).id
}
