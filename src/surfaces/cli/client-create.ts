import { z } from 'zod'
import { clientId, clientShape } from '#directory/clients/client.ts'
import { createClient } from '#directory/clients/create-client.ts'
import { operator } from '#directory/users/actor.ts'
import { toClientJson } from '#surfaces/clients/client-json.ts'
import { command, flag, option, optionalText, options } from './command.ts'
import { requireOrganization } from './named.ts'
import { dataScopes, permissions } from './typed-grants.ts'
import { asTyped } from './typed-input.ts'
import { UsageError } from './usage-error.ts'
import { withDatabase } from './with-database.ts'

const { client_id: _, ...membersShape } = clientShape
const members = z.strictObject(membersShape)
const texts = (shown: string, about: string) => options(shown, about, z.string())

export const clientCreate = command({
  name: 'client create',
  summary: 'register an application, a resource server or a service account, and print its secret this once',
  about:
    'An application names its redirect URIs; a resource server asks introspection; a service account belongs to an ' +
    'organization and gets tokens for itself. The secret is made here; --public makes a client that has none.',
  takes: {
    name: option('name', 'shown to people', z.string()),
    clientId: option('id', 'its client_id; made up where it is not given', clientId.optional()),
    organization: option('slug', 'whose it is (slug or id); without, the deployment’s', optionalText),
    serviceAccount: flag('it acts for itself: --grant-type client_credentials'),
    resourceServer: flag('it may introspect'),
    resource: option('uri', 'its identifier as a resource server (RFC 8707)', optionalText),
    accessTokenFormat: option('format', 'of tokens for it: opaque (the default) or jwt', optionalText),
    redirectUri: texts('uri', 'where people are sent back to'),
    postLogoutRedirectUri: texts('uri', 'where they are sent back to after sign-out'),
    grantType: texts('type', 'authorization_code, refresh_token, client_credentials, …'),
    tokenEndpointAuthMethod: option('method', 'how it proves itself (default client_secret_basic)', optionalText),
    public: flag('it can keep no secret: --token-endpoint-auth-method none'),
    firstParty: flag('people are not asked for consent'),
    scope: option('scopes', 'what a request without scope means', optionalText),
    permission: permissions,
    dataScope: dataScopes,
  },
  examples: [
    'client create --name Console --public --first-party --redirect-uri http://localhost:8080/callback --grant-type authorization_code --grant-type refresh_token',
    'client create --name "Inventory API" --client-id inventory-api --resource-server --resource https://inventory.example',
    'client create --name "Nightly export" --service-account --organization acme --permission items:read --data-scope ceph',
  ],
  async run({ organization: slugOrId, clientId, permission, dataScope, ...typed }, { environment }) {
    const request = {
      clientId,
      members: membersOf(typed),
      grants: { permissions: permission, dataScopes: dataScope },
      active: true,
    }
    return withDatabase(environment, async (db) => {
      const owner = slugOrId === undefined ? null : await requireOrganization(db, slugOrId)
      const made = await createClient(db, { actor: operator, organization: null }, { ...request, owner })
      const { client, secret } = made
      const lines = [`client_id: ${client.clientId}`, ...(secret === undefined ? [] : [`client_secret: ${secret}`])]
      const note = secret === undefined ? 'Made; it has no secret.' : 'Made; the secret is shown this once.'
      return { lines, note, json: toClientJson(client, secret) }
    })
  },
})

interface Typed {
  name: string
  serviceAccount: boolean
  resourceServer: boolean
  resource: string | undefined
  accessTokenFormat: string | undefined
  redirectUri: string[]
  postLogoutRedirectUri: string[]
  grantType: string[]
  tokenEndpointAuthMethod: string | undefined
  public: boolean
  firstParty: boolean
  scope: string | undefined
}

/** @throws UsageError */
function membersOf(typed: Typed) {
  if (typed.public && typed.tokenEndpointAuthMethod !== undefined)
    throw new UsageError('--public and --token-endpoint-auth-method exclude each other.')
  if (typed.serviceAccount && typed.grantType.length > 0) {
    throw new UsageError('--service-account and --grant-type exclude each other.')
  }
  const grantTypes = typed.serviceAccount ? ['client_credentials'] : typed.grantType
  return asTyped(members, {
    client_name: typed.name,
    resource_server: typed.resourceServer || undefined,
    resource: typed.resource,
    access_token_format: typed.accessTokenFormat,
    redirect_uris: listed(typed.redirectUri),
    post_logout_redirect_uris: listed(typed.postLogoutRedirectUri),
    grant_types: listed(grantTypes),
    token_endpoint_auth_method: typed.public ? 'none' : typed.tokenEndpointAuthMethod,
    first_party: typed.firstParty || undefined,
    scope: typed.scope,
  })
}

function listed(values: string[]): string[] | undefined {
  return values.length > 0 ? values : undefined
}
