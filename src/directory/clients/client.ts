import { z } from 'zod'
import { httpUri, isCallbackUri, isRedirectUri, isResourceIdentifier } from '#foundation/values/client-uris.ts'
import { displayName, plainText } from '#foundation/values/names.ts'

export const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code'

const authenticationMethods = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const
const grantTypes = ['authorization_code', 'refresh_token', 'client_credentials', deviceCodeGrant] as const

const publicMembers: Record<string, readonly string[]> = { RSA: ['n', 'e'], EC: ['crv', 'x', 'y'], OKP: ['crv', 'x'] }
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

const publicJwk = z
  .record(z.string(), z.unknown())
  .refine((jwk) => publicMembers[String(jwk.kty)]?.every((member) => typeof jwk[member] === 'string'), {
    error: 'must be an RSA, EC or OKP key in JWK form',
  })
  .refine((jwk) => !privateMembers.some((member) => member in jwk), {
    error: 'must hold the public key alone; the private one stays with the client',
  })

const uri = z.string().min(1, 'must not be empty').max(2000, 'must be at most 2000 characters')
const uris = z.array(uri).max(100, 'must be at most 100').refine(hasNoRepetition, { error: 'names one of them twice' })

/**
 * A service account's tokens have its id for `sub`: one that looks like a person's would let it pass for that person
 * (RFC 9068 §5).
 */
export const clientId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/, 'must be 1 to 128 letters, digits, dots, hyphens or underscores')
  .refine((id) => !/^usr_/i.test(id), 'must not begin with usr_, as the ids of people do')

/** Stored as SHA-256, which protects only what cannot be guessed. */
export const clientSecret = z
  .string()
  .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII (RFC 6749 appendix A.2)')
  .min(8, 'must be at least 8 characters (make one: openssl rand -base64 32)')
  .max(500, 'must be at most 500 characters')

/** RFC 7591 and OpenID Connect registration metadata that Gatehouse knows, under the names of those documents. */
export const clientMetadataShape = {
  redirect_uris: uris
    .meta({
      description: 'Where people are sent back to, compared exactly.',
      examples: [['https://app.example/callback']],
    })
    .optional(),
  post_logout_redirect_uris: uris
    .meta({ description: 'Where people may be sent after signing out.', examples: [['https://app.example/']] })
    .optional(),
  backchannel_logout_uri: uri
    .meta({ description: 'Told when a session ends.', examples: ['https://app.example/logout'] })
    .optional(),
  backchannel_logout_session_required: z.boolean().describe('Whether logout tokens name the session.').optional(),
  token_endpoint_auth_method: z
    .enum(authenticationMethods)
    .describe('How the client proves itself. `client_secret_…`: it has secrets; `private_key_jwt`: `jwks` is required.')
    .optional(),
  grant_types: z
    .array(z.enum(grantTypes))
    .min(1, 'must not be empty')
    .refine(hasNoRepetition, { error: 'names one of them twice' })
    .meta({ description: 'How it may get tokens.', examples: [['authorization_code', 'refresh_token']] })
    .optional(),
  response_types: z
    .array(z.enum(['code']))
    .max(1, 'names one of them twice')
    .describe('Follows from `grant_types`.')
    .optional(),
  application_type: z
    .enum(['web', 'native'])
    .describe('`native` allows redirects to a scheme of its own and to any port of a loopback address.')
    .optional(),
  scope: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/, 'must be scopes with one space between them')
    .meta({ description: 'The scopes that it may ask for.', examples: ['openid profile configuration-items:read'] })
    .optional(),
  client_uri: httpUri.describe('Its home page, shown where consent is asked for.').optional(),
  logo_uri: httpUri.describe('Shown where consent is asked for.').optional(),
  policy_uri: httpUri.describe('How it treats data, linked where consent is asked for.').optional(),
  tos_uri: httpUri.describe('Its terms, linked where consent is asked for.').optional(),
  description: plainText(500)
    .meta({ description: 'What it is for, told to those who look after it.', examples: ['Exports the inventory'] })
    .optional(),
  contacts: z
    .array(z.email('must be an e-mail address'))
    .max(20, 'must be at most 20')
    .meta({ description: 'Who answers for it.', examples: [['platform@acme.example']] })
    .optional(),
  default_max_age: z
    .number()
    .int()
    .min(0, 'must be a number of seconds')
    .describe('The oldest sign-in that will do, in seconds.')
    .optional(),
  require_auth_time: z.boolean().describe('Whether its id tokens say when the person signed in.').optional(),
  require_pushed_authorization_requests: z
    .boolean()
    .describe('Whether it must push its requests (RFC 9126).')
    .optional(),
  id_token_signed_response_alg: z
    .enum(['ES256', 'RS256', 'EdDSA'])
    .describe('How its id tokens are signed.')
    .optional(),
  jwks: z
    .strictObject({ keys: z.array(publicJwk).min(1, 'must hold a key').max(20, 'must be at most 20 keys') })
    .describe('Its public keys, for `private_key_jwt`.')
    .optional(),
}

/** What belongs to every client beside the metadata; `client_secret` is separate, for it may come from elsewhere. */
export const clientShape = {
  client_id: clientId,
  client_name: displayName.meta({ description: 'What people call it.', examples: ['Console'] }).optional(),
  first_party: z
    .boolean()
    .describe('Whether people are asked for no consent, and its tokens carry all their rights.')
    .optional(),
  resource_server: z.boolean().describe('Whether it may introspect the tokens of others.').optional(),
  resource: z
    .string()
    .max(500, 'must be at most 500 characters')
    .meta({
      description: 'The identifier by which tokens are asked for it (RFC 8707).',
      examples: ['https://inventory.example'],
    })
    .optional(),
  access_token_format: z
    .enum(['opaque', 'jwt'])
    .describe('Of the tokens that are asked for a resource server; `jwt` is RFC 9068.')
    .optional(),
  ...clientMetadataShape,
}

export type ClientMetadata = z.infer<z.ZodObject<typeof clientMetadataShape>>

/** A client as it is described, before defaults. */
export type ClientRegistration = z.infer<z.ZodObject<typeof clientShape>> & {
  /** Whether it has a secret, or will be given one. */
  hasSecret: boolean
  /** Whether it belongs to an organization. */
  hasOrganization: boolean
  /** Whether permissions or data scopes are granted to the client itself. */
  hasGrants: boolean
}

/** What is wrong with one member of the registration. */
export interface ClientProblem {
  path: (string | number)[]
  message: string
}

/** The rules that span several members; the shape has been checked. Empty when the client may be saved. */
export function clientProblems(client: ClientRegistration): ClientProblem[] {
  return [
    ...redirectProblems(client),
    ...authenticationProblems(client),
    ...grantTypeProblems(client),
    ...resourceServerProblems(client),
  ]
}

/**
 * The `metadata` column: RFC 7591 members with the defaults of those that decide how the client may act, so that a
 * reader need not know them.
 */
export function toClientMetadata(client: ClientRegistration): ClientMetadata {
  const given: Record<string, unknown> = {}
  for (const name of Object.keys(clientMetadataShape) as (keyof ClientMetadata)[]) {
    if (client[name] !== undefined) given[name] = client[name]
  }
  return {
    redirect_uris: [],
    ...given,
    grant_types: grantTypesOf(client),
    response_types: grantTypesOf(client).includes('authorization_code') ? ['code'] : [],
    token_endpoint_auth_method: authenticationMethodOf(client),
  }
}

function grantTypesOf(client: ClientRegistration) {
  // A resource server calls introspection with a token that it got by client credentials (RFC 7662 §2.1).
  return client.grant_types ?? (client.resource_server ? ['client_credentials'] : ['authorization_code'])
}

function authenticationMethodOf(client: ClientRegistration) {
  return client.token_endpoint_auth_method ?? (client.hasSecret ? 'client_secret_basic' : 'none')
}

function redirectProblems(client: ClientRegistration): ClientProblem[] {
  const problems: ClientProblem[] = []
  for (const member of ['redirect_uris', 'post_logout_redirect_uris'] as const) {
    for (const [index, value] of (client[member] ?? []).entries()) {
      if (isRedirectUri(value, client.application_type ?? 'web')) continue
      problems.push({
        path: [member, index],
        message:
          'must be an exact https URI without fragment, wildcard or user; http only for localhost, 127.0.0.1 and [::1]; ' +
          'com.example.app:/path only for application_type: native, which takes no https on loopback',
      })
    }
  }
  if (grantTypesOf(client).includes('authorization_code') && !client.redirect_uris?.length) {
    problems.push({ path: ['redirect_uris'], message: 'is required for authorization_code' })
  }
  if (client.backchannel_logout_uri !== undefined && !isCallbackUri(client.backchannel_logout_uri)) {
    problems.push({
      path: ['backchannel_logout_uri'],
      message: 'must be an https URI without fragment; http only for localhost, 127.0.0.1 and [::1]',
    })
  }
  return problems
}

function authenticationProblems(client: ClientRegistration): ClientProblem[] {
  const method = authenticationMethodOf(client)
  const problem = (message: string) => [{ path: ['token_endpoint_auth_method'], message }]
  if (method.startsWith('client_secret_') && !client.hasSecret) return problem(`${method} needs a client_secret`)
  if (method === 'private_key_jwt' && !client.jwks) return problem('private_key_jwt needs jwks')
  if (!method.startsWith('client_secret_') && client.hasSecret) return problem(`${method} goes without a client_secret`)
  return []
}

function grantTypeProblems(client: ClientRegistration): ClientProblem[] {
  const problems: ClientProblem[] = []
  const grants = grantTypesOf(client)
  const actsForItself = grants.includes('client_credentials')
  if (client.response_types?.length && !grants.includes('authorization_code')) {
    problems.push({ path: ['response_types'], message: 'code needs the grant type authorization_code' })
  }
  if (client.response_types?.length === 0 && grants.includes('authorization_code')) {
    problems.push({ path: ['response_types'], message: 'must be [code] for authorization_code' })
  }
  if (actsForItself && !client.resource_server && authenticationMethodOf(client) === 'none') {
    problems.push({ path: ['grant_types'], message: 'client_credentials needs a client_secret or private_key_jwt' })
  }
  if (actsForItself && !client.resource_server && !client.hasOrganization) {
    problems.push({ path: ['organization'], message: 'is required: a service account acts in one organization' })
  }
  if (client.hasGrants && !(actsForItself && client.hasOrganization)) {
    problems.push({
      path: ['permissions'],
      message:
        'permissions and data_scopes are for a service account: grant type client_credentials in an organization',
    })
  }
  return problems
}

function resourceServerProblems(client: ClientRegistration): ClientProblem[] {
  const problems: ClientProblem[] = []
  const needed = { path: ['resource_server'], message: 'resource and access_token_format are for a resource server' }
  if (!client.resource_server) {
    return client.resource !== undefined || client.access_token_format !== undefined ? [needed] : []
  }
  if (client.resource !== undefined && !isResourceIdentifier(client.resource)) {
    problems.push({ path: ['resource'], message: 'must be an absolute URI without fragment (RFC 8707 §2)' })
  }
  if (client.access_token_format === 'jwt' && client.resource === undefined) {
    problems.push({ path: ['resource'], message: 'is required: a JWT access token is for one resource' })
  }
  if (authenticationMethodOf(client) === 'none') {
    problems.push({
      path: ['client_secret'],
      message: 'is required: a resource server proves who it is (or private_key_jwt with jwks)',
    })
  }
  return problems
}

function hasNoRepetition(values: readonly string[]): boolean {
  return new Set(values).size === values.length
}
