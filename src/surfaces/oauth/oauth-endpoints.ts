import { z } from 'zod'
import { dataScope } from '#directory/access/grants.ts'
import type { Endpoint } from '#surfaces/api-docs/endpoint.ts'
import { problem } from '#surfaces/api-docs/shared-answers.ts'

const tags: [string] = ['OAuth']

/** How a client says who it is: these fields, or Basic (RFC 6749 §2.3.1). */
const client = {
  client_id: z.string().optional().describe('Of a client that sends its secret here, or has none'),
  client_secret: z
    .string()
    .optional()
    .meta({ description: 'In place of Basic', format: 'password', examples: ['nightly-export-secret-0123456789'] }),
  client_assertion_type: z
    .literal('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    .optional()
    .describe('Of a client that signs (`private_key_jwt`)'),
  client_assertion: z
    .string()
    .optional()
    .describe('The signed JWT (RFC 7523 §2.2), good once')
    .meta({ examples: ['eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJuaWdodGx5LWV4cG9ydCJ9.c2lnbmF0dXJl'] }),
}

const scope = z
  .string()
  .optional()
  .describe('Separated by spaces')
  .meta({ examples: ['openid profile'] })
const resource = z
  .string()
  .optional()
  .describe('For which API the token is (RFC 8707)')
  .meta({ examples: ['https://inventory.example'] })
const secondsLeft = z
  .int()
  .describe('Seconds')
  .meta({ examples: [900] })
const text = (description: string, example: string) =>
  z
    .string()
    .describe(description)
    .meta({ examples: [example] })

const tokens = z
  .object({
    access_token: text('Presented to APIs', 'tVqW3xP0mZ'),
    token_type: z
      .string()
      .describe('How it is presented')
      .meta({ examples: ['Bearer'] }),
    expires_in: secondsLeft,
    refresh_token: text('Gets the next tokens, once', 'rN8cKq2sLd').optional(),
    id_token: text(
      'Who signed in, as a signed JWT',
      'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMGtSIn0.c2lnbmF0dXJl',
    ).optional(),
    scope: text('What was given, where it is not what was asked for', 'openid profile').optional(),
  })
  .meta({ id: 'TokenResponse', description: 'RFC 6749 §5.1' })

const introspection = z
  .object({
    active: z
      .boolean()
      .describe('False for anything unknown, malformed, expired, revoked or foreign: then nothing else is said'),
    iss: text('The issuer', 'https://id.acme.test').optional(),
    sub: text('The id of the user, or the client id of a service account', 'usr_0kR7wXcY2mLqZ4nTfB9d').optional(),
    username: text('The e-mail address of the user', 'ada@acme.test').optional(),
    client_id: text('To which client it was given; not of API keys', 'console').optional(),
    token_type: z.literal('Bearer').optional().describe('How it is presented'),
    token_kind: z.enum(['access_token', 'refresh_token', 'api_key']).optional().describe('What it is'),
    scope: text(
      'Separated by spaces; of permissions, those that are held now',
      'openid configuration-items:read',
    ).optional(),
    iat: z
      .int()
      .optional()
      .describe('When it was made: seconds since 1970')
      .meta({ examples: [1801396800] }),
    exp: z
      .int()
      .optional()
      .describe('When it ends: seconds since 1970')
      .meta({ examples: [1801397700] }),
    jti: text('Its id', 'tok_6bXw1MnYt9RqHs3LcVd8').optional(),
    aud: text('For which API it is', 'https://inventory.example').optional(),
    org_id: text('In which organization', 'org_5vJ1sHpE8gNaU3yKxQ6t').optional(),
    org_slug: text('The slug of that organization', 'acme').optional(),
    superadmin: z.boolean().optional(),
    permissions: z.array(z.string()).optional(),
    data_scopes: z.array(dataScope).optional(),
  })
  .meta({ id: 'Introspection', description: 'RFC 7662 §2.2' })

const claims = z
  .looseObject({
    sub: text('The id of the user', 'usr_0kR7wXcY2mLqZ4nTfB9d'),
    email: z.string().optional(),
    email_verified: z.boolean().optional().describe('Whether the address was proved'),
    name: z.string().optional(),
    org_id: text('In which organization', 'org_5vJ1sHpE8gNaU3yKxQ6t').optional(),
    org_slug: text('The slug of that organization', 'acme').optional(),
    org_name: text('The name of that organization', 'Acme Corporation').optional(),
  })
  .meta({ id: 'UserinfoClaims', description: 'OpenID Connect Core §5.3.2: as far as the scopes of the token go' })

const metadata = z
  .looseObject({
    issuer: text('The issuer identifier', 'https://id.acme.test'),
    authorization_endpoint: text('Where browsers sign in', 'https://id.acme.test/oauth/authorize'),
    token_endpoint: text('Where tokens are given', 'https://id.acme.test/oauth/token'),
    jwks_uri: text('Where the signing keys are', 'https://id.acme.test/oauth/jwks'),
  })
  .meta({ id: 'AuthorizationServerMetadata', description: 'RFC 8414, OpenID Connect Discovery' })

const keySet = z
  .object({
    keys: z
      .array(
        z.looseObject({
          kty: text('Of which family it is', 'EC'),
          kid: text('Its id, as signatures name it', 'b2Kq7vXw'),
          alg: text('What it signs with', 'ES256').optional(),
          use: z.literal('sig').optional().describe('It verifies signatures'),
        }),
      )
      .describe('Old, current and next'),
  })
  .meta({ id: 'KeySet', description: 'RFC 7517 §5' })

const fromClients = [400, 401, 415, 429, 503] as const

/** What programs call of OAuth and OpenID Connect, for `/openapi.json`; browsers are led by discovery. */
export const oauthEndpoints: Endpoint[] = [
  {
    name: 'issueToken',
    method: 'POST',
    path: '/oauth/token',
    summary: 'Get tokens',
    description:
      'For an authorization code (with its PKCE verifier), a refresh token, a device code, or for the client itself ' +
      '(RFC 6749, RFC 7636, RFC 8628). The identical request within 10 seconds gets the identical answer.',
    tags,
    security: ['clientBasic'],
    form: z
      .object({
        grant_type: z
          .enum([
            'authorization_code',
            'refresh_token',
            'client_credentials',
            'urn:ietf:params:oauth:grant-type:device_code',
          ])
          .describe('What is presented')
          .meta({ examples: ['client_credentials'] }),
        code: text('Of `authorization_code`', 'kT9wQx4bLm').optional(),
        redirect_uri: text(
          'Of `authorization_code`: as the request had it',
          'http://localhost:8080/callback',
        ).optional(),
        code_verifier: text(
          'Of `authorization_code`: what the challenge was made from',
          'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
        ).optional(),
        refresh_token: text('Of `refresh_token`', 'rN8cKq2sLd').optional(),
        device_code: text('Of a device', 'gD5yVn3hPz').optional(),
        scope,
        resource,
        ...client,
      })
      .meta({ examples: [{ grant_type: 'client_credentials', scope: 'configuration-items:read' }] }),
    answers: { 200: { description: 'Tokens', answer: tokens, headers: ['X-Request-Id'] } },
    oauthErrors: [...fromClients, 500],
  },
  {
    name: 'introspect',
    method: 'POST',
    path: '/oauth/introspect',
    summary: 'Ask what a credential is, and what it may do now',
    description:
      'RFC 7662, for every kind of credential: access tokens, refresh tokens (for their own client) and API keys. The ' +
      'caller is a resource server, which authenticates by Basic, by `client_id` and `client_secret`, or by an access token ' +
      'that it got by client credentials. Rights are those of this moment. `ip`, `user_agent`, `method` and `path` describe ' +
      'the call that is being authorized, for the authentication log.',
    tags: ['Verification'],
    security: ['clientBasic', 'bearer'],
    form: z
      .object({
        token: text('What was presented', 'gate_usr_9fKq2sLdX7wVn3hPzT5yBc8mRj1gQa4e0x1Y2z'),
        token_type_hint: z
          .string()
          .optional()
          .describe('Not needed, and not looked at')
          .meta({ examples: ['access_token'] }),
        ip: text('Where the call came from', '192.0.2.7').optional(),
        user_agent: text('Its `User-Agent`', 'curl/8.5.0').optional(),
        method: text('Its method', 'GET').optional(),
        path: text('Its path', '/inventory/items').optional(),
        client_id: client.client_id,
        client_secret: client.client_secret,
      })
      .meta({
        examples: [
          { token: 'gate_usr_9fKq2sLdX7wVn3hPzT5yBc8mRj1gQa4e0x1Y2z', method: 'GET', path: '/inventory/items' },
        ],
      }),
    answers: { 200: { description: 'What it is', answer: introspection } },
    oauthErrors: [...fromClients, 500],
  },
  {
    name: 'verify',
    method: 'GET',
    path: '/v1/auth/verify',
    summary: 'Decide about a forwarded request',
    description:
      'For nginx auth_request, Traefik ForwardAuth and Envoy ext_authz (whose `path_prefix` is `/v1/auth/verify/envoy`). The ' +
      'credential is read from the forwarded request. 403 says what is missing. `scope_id` needs `source`; an empty ' +
      'parameter counts as absent, any other parameter is refused.',
    tags: ['Verification'],
    security: ['oauth2', 'bearer', 'apiKey', 'apiKeyHeader', 'apiKeyQuery'],
    query: z
      .object({
        permission: z.string().optional().describe('Which permission the request needs'),
        source: z.string().optional().describe('Which source of rows the request needs'),
        scope_id: z.string().optional().describe('Which part of the source it needs'),
      })
      .meta({ dependentRequired: { scope_id: ['source'] } }),
    answers: {
      200: {
        description: 'It may pass',
        headers: ['X-Auth-Subject', 'X-Auth-Organization', 'X-Auth-Permissions', 'X-Auth-Data-Scopes'],
      },
      403: {
        description:
          'Permission denied (`permission_denied`): what is missing is said twice, for proxies that drop bodies',
        answer: problem,
        mediaType: 'application/problem+json',
        headers: ['X-Auth-Denied'],
      },
    },
    errors: ['invalid_request', 'authentication_required', 'temporarily_unavailable'],
  },
  {
    name: 'revokeToken',
    method: 'POST',
    path: '/oauth/revoke',
    summary: 'Revoke a token',
    description:
      'RFC 7009, by the client that it was given to. With it ends its whole grant. An unknown token is no error.',
    tags,
    security: ['clientBasic'],
    form: z
      .object({
        token: text('An access token or a refresh token', 'tVqW3xP0mZ'),
        token_type_hint: z
          .string()
          .optional()
          .describe('Not needed')
          .meta({ examples: ['refresh_token'] }),
        ...client,
      })
      .meta({ examples: [{ token: 'tVqW3xP0mZ', client_id: 'console' }] }),
    answers: { 200: { description: 'It is dead, if it ever lived', headers: ['X-Request-Id'] } },
    oauthErrors: [...fromClients, 500],
  },
  {
    name: 'pushAuthorizationRequest',
    method: 'POST',
    path: '/oauth/par',
    summary: 'Push an authorization request',
    description: 'RFC 9126: the parameters of `/oauth/authorize`, which then needs only `client_id` and `request_uri`.',
    tags,
    security: ['clientBasic'],
    form: z
      .looseObject({
        response_type: z.literal('code').describe('A code'),
        redirect_uri: text('Where the browser comes back to', 'http://localhost:8080/callback'),
        code_challenge: text('Of PKCE', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM').optional(),
        code_challenge_method: z.literal('S256').optional().describe('Of PKCE'),
        scope,
        state: text('Comes back with the code', 'xyz').optional(),
        organization: text('Slug or id of the organization to sign in to', 'acme').optional(),
        ...client,
      })
      .meta({
        examples: [
          {
            response_type: 'code',
            client_id: 'console',
            redirect_uri: 'http://localhost:8080/callback',
            code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
            code_challenge_method: 'S256',
            scope: 'openid',
          },
        ],
      }),
    answers: {
      201: {
        description: 'Kept for a minute',
        answer: z.object({
          request_uri: text(
            'What `request_uri` of the authorization request says',
            'urn:ietf:params:oauth:request_uri:aB3xR0',
          ),
          expires_in: z
            .int()
            .describe('Seconds')
            .meta({ examples: [60] }),
        }),
        headers: ['X-Request-Id'],
      },
    },
    oauthErrors: [...fromClients, 500],
  },
  {
    name: 'authorizeDevice',
    method: 'POST',
    path: '/oauth/device_authorization',
    summary: 'Begin a sign-in on a device without a browser',
    description:
      'RFC 8628: the person enters `user_code` at `verification_uri`, while the device asks the token endpoint.',
    tags,
    security: ['clientBasic'],
    form: z.object({ scope, resource, ...client }).meta({ examples: [{ client_id: 'tv', scope: 'openid' }] }),
    answers: {
      200: {
        description: 'What the device shows',
        answer: z.object({
          device_code: text('For the token endpoint', 'gD5yVn3hPz'),
          user_code: text('For the person', 'WDJB-MJHT'),
          verification_uri: text('Where the person enters it', 'https://id.acme.test/device'),
          verification_uri_complete: text(
            'The same with the code in it',
            'https://id.acme.test/device?user_code=WDJB-MJHT',
          ).optional(),
          expires_in: z
            .int()
            .describe('Seconds')
            .meta({ examples: [600] }),
          interval: z
            .int()
            .describe('Seconds between two questions')
            .meta({ examples: [5] }),
        }),
        headers: ['X-Request-Id'],
      },
    },
    oauthErrors: [...fromClients, 500],
  },
  userinfo('GET', 'getUserinfo'),
  userinfo('POST', 'postUserinfo'),
  {
    name: 'getKeySet',
    method: 'GET',
    path: '/oauth/jwks',
    summary: 'The keys that signatures are verified with',
    description: 'May be kept for an hour: a new key is there that long before it signs.',
    tags,
    security: [],
    answers: {
      200: {
        description: 'The public keys',
        answer: keySet,
        mediaType: 'application/jwk-set+json',
        headers: ['X-Request-Id'],
      },
    },
    oauthErrors: [500, 503],
  },
  discovery('openid-configuration', 'getOpenIdConfiguration', 'OpenID Connect Discovery §4'),
  discovery('oauth-authorization-server', 'getAuthorizationServerMetadata', 'RFC 8414 §3'),
]

function userinfo(method: 'GET' | 'POST', name: string): Endpoint {
  return {
    name,
    method,
    path: '/oauth/userinfo',
    summary: 'Claims of the person who signed in',
    description: 'OpenID Connect Core §5.3, with an access token that has the scope `openid`.',
    tags,
    security: ['oauth2'],
    answers: { 200: { description: 'The claims', answer: claims, headers: ['X-Request-Id'] } },
    oauthErrors: [400, 401, 415, 500, 503],
  }
}

function discovery(document: string, name: string, rule: string): Endpoint {
  return {
    name,
    method: 'GET',
    path: `/.well-known/${document}`,
    summary: `What this server can do (${rule})`,
    description: `Every endpoint and everything that it takes (${rule}).`,
    tags,
    security: [],
    answers: { 200: { description: 'The metadata', answer: metadata, headers: ['X-Request-Id'] } },
    oauthErrors: [500, 503],
  }
}
