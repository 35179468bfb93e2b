import { z } from 'zod'
import type { ApiKey, Person } from '#authentication/api-keys/api-key-queries.ts'
import { dataScope } from '#directory/access/grants.ts'
import { organizationSummary } from '#foundation/values/names.ts'

const person = z.object({ id: z.string(), email: z.string() })
const time = z.iso.datetime()

/** A key as the API tells of it. */
export const apiKey = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    format: z.enum(['opaque', 'jwt']),
    status: z.enum(['active', 'expired', 'revoked']),
    hint: z.string().describe('Prefix and last four characters'),
    user: person,
    organization: organizationSummary,
    permissions: z.array(z.string()).nullable().describe('null: not restricted'),
    data_scopes: z.array(dataScope).nullable().describe('null: not restricted'),
    administration: z.boolean().describe('Whether it changes anything through this API'),
    created_at: time,
    created_by: person.nullable(),
    expires_at: time,
    last_used_at: time.nullable(),
    revoked_at: time.nullable(),
    revoked_by: person.nullable(),
  })
  .meta({ id: 'ApiKey' })

/** The answer to its creation. */
export const newApiKey = apiKey.extend({ key: z.string().describe('Shown this once') }).meta({ id: 'NewApiKey' })

export function apiKeyJson(key: ApiKey): z.infer<typeof apiKey> {
  const { id, name, description, format, status, hint, organization, permissions } = key
  return {
    id,
    name,
    description,
    format,
    status,
    hint,
    user: toPerson(key.user),
    organization,
    permissions,
    data_scopes: key.dataScopes,
    administration: key.administration,
    created_at: key.createdAt.toISOString(),
    created_by: key.createdBy && toPerson(key.createdBy),
    expires_at: key.expiresAt.toISOString(),
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    revoked_by: key.revokedBy && toPerson(key.revokedBy),
  }
}

function toPerson({ id, email }: Person): z.infer<typeof person> {
  return { id, email }
}
