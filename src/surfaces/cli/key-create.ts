import { z } from 'zod'
import { newApiKeyInput } from '#authentication/api-keys/api-key-input.ts'
import { createApiKey } from '#authentication/api-keys/create-api-key.ts'
import { accessTokenSigner } from '#credentials/signing-keys/sign-access-token.ts'
import { loadSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { operator } from '#directory/users/actor.ts'
import { apiKeyJson } from '#surfaces/api-keys/api-key-json.ts'
import { command, flag, option, optionalText } from './command.ts'
import { requireOrganization } from './named.ts'
import { dataScopes, permissions } from './typed-grants.ts'
import { asTyped } from './typed-input.ts'
import { withDatabase } from './with-database.ts'

export const keyCreate = command({
  name: 'key create',
  summary: 'make an API key for a member, and print it this once',
  about:
    'The key is all that stdout gets. It never carries more than its owner may do; its owner is told by mail. An expiry is ' +
    'required, at most 366 days ahead.',
  takes: {
    organization: option('slug', 'where it acts (slug or id)', z.string()),
    user: option('email', 'whose it is, a member there (address or id)', z.string()),
    name: option('name', 'unlike those of their other keys there', z.string()),
    description: option('text', 'what it is for', optionalText),
    expiresInDays: option('days', '1 to 366', z.coerce.number().optional()),
    expiresAt: option('time', 'or a moment, or the end of a day (UTC)', optionalText),
    format: option('format', 'opaque (the default) or jwt', optionalText),
    permission: permissions,
    dataScope: dataScopes,
    administration: flag('lets it change things through the API; for keys of administrators'),
  },
  examples: [
    'key create --organization acme --user ada@acme.test --name nightly --expires-in-days 90',
    'key create --organization acme --user ada@acme.test --name ci --expires-at 2027-01-31 --permission items:read',
  ],
  async run({ organization: slugOrId, permission, dataScope, expiresAt, expiresInDays, ...given }, { environment }) {
    const input = asTyped(newApiKeyInput, {
      ...given,
      expires_at: expiresAt,
      expires_in_days: expiresInDays,
      permissions: permission.length > 0 ? permission : undefined,
      data_scopes: dataScope.length > 0 ? dataScope : undefined,
    })
    return withDatabase(environment, async (db, parts) => {
      const organization = await requireOrganization(db, slugOrId)
      const actor = { ...operator, organizationId: organization.id }
      const signAccessToken = await accessTokenSigner(await loadSigningKeys(db, parts.encryption))
      const { key, apiKey } = await createApiKey({ ...parts, db, signAccessToken }, actor, input)
      const note = `API key ${apiKey.id} of ${apiKey.user.email} in ${organization.slug}, until ${apiKey.expiresAt.toISOString()}. It is shown this once.`
      return { lines: [key], note, json: { ...apiKeyJson(apiKey), key } }
    })
  },
})
