import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type TriedStep, tryConnection } from '#authentication/connections/try-connection.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { createOutboundFetch } from '#foundation/http/outbound-fetch.ts'
import { bearer, call, newTokens } from '#support/api-requests.ts'
import { startGatehouse } from '#support/gatehouse.ts'
import { listen, startUpstream, type Upstream, upstreamClient } from '#support/upstream-provider.ts'

const encryption = encryptionWith([randomBytes(32)])
const gatehouse = 'https://id.gatehouse.test'
const callback = `${gatehouse}/connections/upstream/callback`
const leak = 'text of the upstream that nobody here asked for'

const upstreams: Upstream[] = []
afterEach(async () => {
  await Promise.all(upstreams.splice(0).map((upstream) => upstream.stop()))
})

async function running(upstream: Promise<Upstream>): Promise<Upstream> {
  upstreams.push(await upstream)
  return upstream
}

function connectionTo(issuer: string, more: Partial<Connection> = {}): Connection {
  return {
    id: 'con_1',
    name: 'upstream',
    handle: 'upstream',
    organizationId: null,
    type: 'oidc',
    displayName: null,
    issuer,
    clientId: upstreamClient.clientId,
    clientSecret: encryption.encrypt(upstreamClient.clientSecret),
    jit: false,
    defaultTeamIds: [],
    groupClaim: null,
    groupTeamIds: {},
    required: false,
    signOut: false,
    enabled: true,
    createdAt: new Date(),
    ...more,
  }
}

/** What came of it, and of what failed or was skipped why. Whatever it was, no secret and no word of the provider. */
async function trying(connection: Connection, allowed: string[]) {
  const parts = { issuer: gatehouse, encryption, fetch: createOutboundFetch(allowed), outboundAllowedHosts: allowed }
  return report(await tryConnection(connection, parts))
}

function report(steps: TriedStep[]) {
  expect(JSON.stringify(steps)).not.toContain(leak)
  expect(JSON.stringify(steps)).not.toContain(upstreamClient.clientSecret)
  return {
    outcomes: Object.fromEntries(steps.map(({ step, outcome }) => [step, outcome])),
    details: Object.fromEntries(steps.map(({ step, detail }) => [step, detail])),
  }
}

const ok = {
  discovery: 'ok',
  issuer: 'ok',
  endpoints: 'ok',
  pkce: 'ok',
  signing_key: 'ok',
  client_authentication: 'ok',
  redirect_uri: 'skipped',
}
const nothing = Object.fromEntries(Object.keys(ok).map((step) => [step, 'skipped']))

describe('a provider that is in order', () => {
  test('passes every step, and is told what to register', async () => {
    const { issuer, host } = await running(startUpstream())
    const { outcomes, details } = await trying(connectionTo(issuer), [host])
    expect(outcomes).toEqual(ok)
    expect(details.redirect_uri).toContain(callback)
  })

  test('may take the secret in the body only', async () => {
    const { issuer, host } = await running(startUpstream({ token_endpoint_auth_method: 'client_secret_post' }))
    expect((await trying(connectionTo(issuer), [host])).outcomes).toEqual(ok)
  })

  test('may know a client without secret', async () => {
    const { issuer, host } = await running(
      startUpstream({ token_endpoint_auth_method: 'none', client_secret: undefined }),
    )
    expect((await trying(connectionTo(issuer, { clientSecret: null }), [host])).outcomes).toEqual(ok)
  })
})

test.each([
  ['the secret', { clientSecret: encryption.encrypt('another') }],
  ['the client id', { clientId: 'somebody-else' }],
])('a provider that does not know %s fails the client only', async (_what, wrong) => {
  const { issuer, host } = await running(startUpstream())
  const { outcomes, details } = await trying(connectionTo(issuer, wrong), [host])
  expect(outcomes).toEqual({ ...ok, client_authentication: 'failed' })
  expect(details.client_authentication).toMatch(/does not accept the client id with this secret/)
})

test('a secret under a lost key is told, and no provider is asked', async () => {
  const clientSecret = encryptionWith([randomBytes(32)]).encrypt(upstreamClient.clientSecret)
  const { outcomes, details } = await trying(connectionTo('https://idp.invalid', { clientSecret }), [])
  expect(outcomes).toEqual({ ...nothing, client_authentication: 'failed' })
  expect(details.client_authentication).toContain('ENCRYPTION_KEYS')
})

describe('an address that is not called', () => {
  test('because it is private', async () => {
    const { issuer } = await running(startUpstream())
    for (const address of [issuer, issuer.replace('http:', 'https:'), 'https://localhost', 'https://169.254.169.254']) {
      const { outcomes, details } = await trying(connectionTo(address), [])
      expect(outcomes).toEqual({ ...nothing, discovery: 'failed' })
      expect(details.discovery).toContain('OUTBOUND_ALLOWED_HOSTS')
    }
  })

  test('and one where nobody is read alike, so that nobody maps a network by it', async () => {
    const { issuer, host, stop } = await startUpstream()
    await stop()
    const closed = await trying(connectionTo(issuer), [host])
    const refused = await trying(connectionTo('https://10.0.0.1'), [])
    const unknown = await trying(connectionTo('https://no-such-host.invalid'), [])
    expect(closed.details).toEqual(refused.details)
    expect(unknown.details).toEqual(refused.details)
  })
})

describe('a provider that is lying, broken or slow fails a step, in a sentence of ours', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signingKey = { ...publicKey.export({ format: 'jwk' }), use: 'sig' }
  const weakKey = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })

  /** In order but for what a test says otherwise. */
  const provider =
    (faults: Faults): ((issuer: string) => RequestListener) =>
    (issuer) =>
    (request, response) => {
      const answers: Record<string, Reply> = {
        '/.well-known/openid-configuration': {
          json: {
            issuer,
            authorization_endpoint: `${issuer}/auth`,
            token_endpoint: `${issuer}/token`,
            jwks_uri: `${issuer}/jwks`,
            code_challenge_methods_supported: ['S256'],
            id_token_signing_alg_values_supported: ['RS256'],
            ...faults.metadata?.(issuer),
          },
        },
        '/jwks': { json: { keys: [signingKey] } },
        '/token': { status: 400, json: { error: 'invalid_grant', error_description: leak } },
        ...faults.replies,
      }
      const { status = 200, json, text, headers } = answers[request.url ?? ''] ?? { status: 404, text: leak }
      if (text === undefined && json === undefined) return
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(text ?? JSON.stringify(json))
    }

  interface Reply {
    status?: number
    json?: unknown
    /** Neither text nor JSON: no answer ever. */
    text?: string
    headers?: Record<string, string>
  }
  interface Faults {
    metadata?: (issuer: string) => Record<string, unknown>
    replies?: Record<string, Reply>
  }
  const discovery = (reply: Reply): Faults => ({ replies: { '/.well-known/openid-configuration': reply } })
  const afterIssuer = { ...nothing, discovery: 'ok' }
  const afterEndpoints = { ...afterIssuer, issuer: 'ok' }

  const cases: [string, Faults, Record<string, string>, RegExp?][] = [
    ['nothing (this proves the provider of these tests)', {}, ok],
    [
      'no discovery document',
      discovery({ status: 404, text: leak }),
      { ...nothing, discovery: 'failed' },
      /status 404/,
    ],
    [
      'an error of the server',
      discovery({ status: 500, text: leak }),
      { ...nothing, discovery: 'failed' },
      /status 500/,
    ],
    ['no JSON', discovery({ text: `<html>${leak}` }), { ...nothing, discovery: 'failed' }, /not what it should be/],
    ['null', discovery({ text: 'null' }), { ...nothing, discovery: 'failed' }, /not what it should be/],
    [
      'a redirect into the inside',
      discovery({ status: 302, text: leak, headers: { location: 'http://127.0.0.1/' } }),
      { ...nothing, discovery: 'failed' },
      /redirect/,
    ],
    ['an endless document', discovery({ text: leak.repeat(40_000) }), { ...nothing, discovery: 'failed' }, /1 MB/],
    [
      "somebody else's issuer",
      { metadata: () => ({ issuer: `https://${leak.replaceAll(' ', '-')}.test` }) },
      { ...afterIssuer, issuer: 'failed' },
    ],
    ['no issuer', { metadata: () => ({ issuer: undefined }) }, { ...nothing, discovery: 'failed' }],
    [
      'an endpoint that is a script',
      { metadata: () => ({ authorization_endpoint: `javascript:alert("${leak}")` }) },
      { ...afterEndpoints, endpoints: 'failed' },
      /authorization_endpoint/,
    ],
    [
      'an endpoint elsewhere without https',
      { metadata: () => ({ token_endpoint: 'http://127.0.0.1:1/token' }) },
      { ...afterEndpoints, endpoints: 'failed' },
      /token_endpoint/,
    ],
    [
      'no key set',
      { metadata: () => ({ jwks_uri: undefined }) },
      { ...afterEndpoints, endpoints: 'failed' },
      /jwks_uri/,
    ],
    [
      'PKCE without S256',
      { metadata: () => ({ code_challenge_methods_supported: ['plain'] }) },
      { ...ok, pkce: 'failed' },
      /S256/,
    ],
    [
      'no word about PKCE',
      { metadata: () => ({ code_challenge_methods_supported: undefined }) },
      { ...ok, pkce: 'skipped' },
      /all the same/,
    ],
    ['an empty key set', { replies: { '/jwks': { json: { keys: [] } } } }, { ...ok, signing_key: 'failed' }],
    [
      'keys that are none',
      { replies: { '/jwks': { json: { keys: [null, 1, {}, { kty: 'RSA', n: leak }] } } } },
      { ...ok, signing_key: 'failed' },
    ],
    [
      'a key set that is none',
      { replies: { '/jwks': { json: [leak] } } },
      { ...ok, signing_key: 'failed' },
      /no JSON Web Key Set/,
    ],
    ['a weak key', { replies: { '/jwks': { json: { keys: [weakKey] } } } }, { ...ok, signing_key: 'failed' }],
    [
      'a key for encryption',
      { replies: { '/jwks': { json: { keys: [{ ...signingKey, use: 'enc' }] } } } },
      { ...ok, signing_key: 'failed' },
    ],
    [
      'tokens signed with the secret',
      { metadata: () => ({ id_token_signing_alg_values_supported: ['HS256'] }) },
      { ...ok, signing_key: 'failed' },
    ],
    [
      'a key set behind an inner address',
      { metadata: () => ({ jwks_uri: 'https://127.0.0.1/jwks' }) },
      { ...ok, signing_key: 'failed' },
      /OUTBOUND_ALLOWED_HOSTS/,
    ],
    [
      'a challenge for the client',
      { replies: { '/token': { status: 401, text: leak, headers: { 'www-authenticate': `Basic realm="${leak}"` } } } },
      { ...ok, client_authentication: 'failed' },
      /does not accept/,
    ],
    [
      'another redirect URI',
      { replies: { '/token': { status: 400, json: { error: 'redirect_uri_mismatch', error_description: leak } } } },
      { ...ok, redirect_uri: 'failed' },
      new RegExp(callback),
    ],
    [
      'a client that may not',
      { replies: { '/token': { status: 400, json: { error: 'unauthorized_client' } } } },
      { ...ok, client_authentication: 'failed' },
      /does not let this client/,
    ],
    [
      'an error of its own',
      { replies: { '/token': { status: 400, json: { error: leak } } } },
      { ...ok, client_authentication: 'skipped' },
      /status 400/,
    ],
    [
      'a token for a code that it never gave',
      { replies: { '/token': { json: { access_token: leak, token_type: 'bearer' } } } },
      { ...ok, client_authentication: 'failed' },
    ],
    [
      'no token endpoint',
      { replies: { '/token': { status: 503, text: leak } } },
      { ...ok, client_authentication: 'failed' },
      /status 503/,
    ],
  ]
  test.each(cases)('%s', async (_what, faults, expected, detail) => {
    const { issuer, host } = await running(listen(provider(faults)))
    const { outcomes, details } = await trying(connectionTo(issuer), [host])
    expect(outcomes).toEqual(expected)
    const [faulty] = Object.keys(ok).filter((step) => outcomes[step] !== ok[step as keyof typeof ok])
    if (detail) expect(details[faulty!]).toMatch(detail)
  })

  test('silence is cut off', { timeout: 20_000 }, async () => {
    const { issuer, host } = await running(listen(provider({ replies: { '/jwks': {}, '/token': {} } })))
    const started = Date.now()
    const { outcomes, details } = await trying(connectionTo(issuer), [host])
    expect(Date.now() - started).toBeLessThan(8_000)
    expect(outcomes).toEqual({ ...ok, signing_key: 'failed', client_authentication: 'failed' })
    expect(details.signing_key).toMatch(/within 5 seconds/)
  })
})

describe('GitHub, here an Enterprise Server', () => {
  const github = (answer: unknown, status = 200) =>
    running(
      listen(() => (request, response) => {
        const known = request.method === 'POST' && request.url === '/login/oauth/access_token'
        response.writeHead(known ? status : 400, { 'content-type': 'application/json' })
        response.end(JSON.stringify(answer))
      }),
    )
  test.each([
    ['knows the client', { error: 'bad_verification_code', error_description: leak }, 200, 'ok'],
    ['does not know the secret', { error: 'incorrect_client_credentials', error_description: leak }, 200, 'failed'],
    ['does not know the client', { error: 'Not Found' }, 404, 'failed'],
    ['says something else', { message: leak }, 200, 'skipped'],
    ['says nothing', null, 200, 'skipped'],
    ['is down', leak, 502, 'failed'],
  ])('%s', async (_what, answer, status, outcome) => {
    const { issuer, host } = await github(answer, status)
    const { outcomes } = await trying(connectionTo(`${issuer}/`, { type: 'github' }), [host])
    expect(outcomes).toEqual({ client_authentication: outcome, redirect_uri: 'skipped' })
  })

  test('tells when it does not know the redirect URI', async () => {
    const { issuer, host } = await github({ error: 'redirect_uri_mismatch' })
    const { outcomes } = await trying(connectionTo(issuer, { type: 'github' }), [host])
    expect(outcomes).toEqual({ client_authentication: 'ok', redirect_uri: 'failed' })
  })
})

describe('over the API', () => {
  let ada: string
  let server: Awaited<ReturnType<typeof startGatehouse>>
  let upstream: Upstream
  beforeAll(async () => {
    upstream = await startUpstream()
    server = await startGatehouse({ config: { outboundAllowedHosts: [upstream.host] } })
    ada = (await newTokens(server, { email: 'ada@acme.test', org: 'acme' })).access
    return async () => {
      await server.stop()
      await upstream.stop()
    }
  })

  test('an admin tries a connection, and the secret is nowhere', async () => {
    // S0-02
    const path = '/v1/organizations/acme/connections'
    const { clientId: client_id, clientSecret: client_secret } = upstreamClient
    const json = { name: 'upstream', type: 'oidc', issuer: upstream.issuer, client_id, client_secret }
    expect((await call(server, path, { json, ...bearer(ada) })).status).toBe(201)
    const answer = await call(server, `${path}/upstream/try`, { method: 'POST', ...bearer(ada) })
    expect(answer.status).toBe(200)
    const { outcomes, details } = report(answer.json.steps as TriedStep[])
    expect(outcomes).toEqual(ok)
    expect(details.redirect_uri).toContain(`${server.url}/connections/upstream/callback`)
    expect(server.logLines.join('')).not.toContain(client_secret)
  })
})
