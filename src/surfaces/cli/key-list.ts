import { z } from 'zod'
import { type ApiKey, listApiKeys } from '#authentication/api-keys/api-key-queries.ts'
import { requireUser } from '#directory/users/user-queries.ts'
import { apiKeyJson } from '#surfaces/api-keys/api-key-json.ts'
import { command, option, optionalText } from './command.ts'
import { requireOrganization } from './named.ts'
import { table } from './table.ts'
import { lookAtDatabase } from './with-database.ts'

const pageLimit = 100

export const keyList = command({
  name: 'key list',
  summary: 'list the API keys of an organization, newest first',
  about: 'Id, status, hint, owner, name, end and last use of each.',
  takes: {
    organization: option('slug', 'where they act (slug or id)', z.string()),
    user: option('email', 'only those of this person (address or id)', optionalText),
    status: option('status', 'active, expired or revoked', z.enum(['active', 'expired', 'revoked']).optional()),
  },
  examples: [
    'key list --organization acme',
    "key list --organization acme --status active --json | jq -r '.items[].id'",
  ],
  run({ organization, user, status }, { environment }) {
    return lookAtDatabase(environment, async (db) => {
      const organizationId = (await requireOrganization(db, organization)).id
      const userId = user === undefined ? undefined : (await requireUser(db, user)).id
      const keys: ApiKey[] = []
      for (let last: ApiKey | undefined; ; last = keys.at(-1)) {
        const cursor = last && { at: last.createdAt, id: last.id }
        const page = await listApiKeys(db, { organizationId, userId, status }, { limit: pageLimit, cursor })
        keys.push(...page.slice(0, pageLimit))
        if (page.length <= pageLimit) break
      }
      const lines = table(
        keys.map((key) => [
          key.id,
          key.status,
          key.hint,
          key.user.email,
          key.name,
          key.expiresAt.toISOString(),
          key.lastUsedAt?.toISOString(),
        ]),
      )
      return { lines, json: { items: keys.map(apiKeyJson) } }
    })
  },
})
