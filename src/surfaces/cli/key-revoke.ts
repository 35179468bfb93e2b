import { z } from 'zod'
import { revokeApiKey } from '#authentication/api-keys/revoke-api-key.ts'
import { operator } from '#directory/users/actor.ts'
import { apiKeyJson } from '#surfaces/api-keys/api-key-json.ts'
import { command, operand, option } from './command.ts'
import { requireOrganization } from './named.ts'
import { withDatabase } from './with-database.ts'

export const keyRevoke = command({
  name: 'key revoke',
  summary: 'end an API key at once, on every node',
  about:
    'Its owner is told by mail, and only an administrator re-activates it. A key that is revoked already stays so.',
  takes: {
    id: operand('id', 'as key list prints it'),
    organization: option('slug', 'where it acts (slug or id)', z.string()),
  },
  examples: ['key revoke key_V1StGXR8 --organization acme'],
  run({ id, organization: slugOrId }, { environment }) {
    return withDatabase(environment, async (db, { outbox }) => {
      const organization = await requireOrganization(db, slugOrId)
      const key = await revokeApiKey({ db, outbox }, { ...operator, organizationId: organization.id }, id)
      return { lines: [`Revoked ${key.name} (${key.hint}) of ${key.user.email}.`], json: apiKeyJson(key) }
    })
  },
})
