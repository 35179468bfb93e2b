import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { Provider } from 'oidc-provider'

export const upstreamClient = { clientId: 'gatehouse-at-upstream', clientSecret: 'upstream-secret-0123456789abcdef' }

/** What an identity provider says about somebody. */
export type Person = { sub: string; [claim: string]: unknown }

interface IdToken {
  header: Record<string, unknown>
  claims: Record<string, unknown>
}

/** How it lies. Everything else it does as it should. */
export interface Lies {
  /** What the id token says instead. */
  idToken?: (token: IdToken) => void
  /** What it is signed with instead of the published key. */
  signature?: 'other key' | 'none' | 'hmac with the public key' | 'hmac with the client secret' | 'broken'
  /** What it answers instead, by path. */
  answer?: Record<string, (response: ServerResponse) => void>
  /** Changes the JSON of an answer, by path. */
  json?: Record<string, (body: Record<string, unknown>) => void>
  /** Changes the address that the browser is sent back to. */
  callback?: (url: URL) => void
}

/** Somebody else's identity provider: a bare oidc-provider, behind a proxy that can be told to lie. */
export interface IdentityProvider {
  issuer: string
  host: string
  /** Who signs in there next. */
  person: Person
  lies: Lies
  /** Requests that arrived, as `GET /path`. */
  requests: string[]
  /** Queries of the authorization requests that arrived. */
  asked: URLSearchParams[]
  /** From now on another key signs, and only that is published. */
  rotateKeys(): Promise<void>
  down(): Promise<void>
  up(): Promise<void>
  stop(): Promise<void>
}

export async function startIdentityProvider(
  options: { claimsInIdToken?: boolean; clientMetadata?: Record<string, unknown>; person?: Person } = {},
): Promise<IdentityProvider> {
  const inner = await listen(createServer())
  const outer = await listen(createServer())
  const issuer = `http://127.0.0.1:${outer.port}`
  let key = await newKey('first')
  let rotated = false

  const state: IdentityProvider = {
    issuer,
    host: `127.0.0.1:${outer.port}`,
    person: options.person ?? { sub: 'bob-1', name: 'Bob', email: 'bob@acme.test', email_verified: true },
    lies: {},
    requests: [],
    asked: [],
    async rotateKeys() {
      key = await newKey('second')
      rotated = true
    },
    down: () => close(outer.server),
    up: () => new Promise((resolve) => outer.server.listen(outer.port, '127.0.0.1', () => resolve())),
    async stop() {
      await Promise.all([close(outer.server), close(inner.server)])
    },
  }

  inner.server.on('request', makeProvider(state, key, options).callback())
  outer.server.on('request', (incoming, response) => {
    const path = (incoming.url ?? '').split('?')[0]!
    state.requests.push(`${incoming.method} ${path}`)
    const instead = state.lies.answer?.[path]
    if (instead) return instead(response)
    if (path === '/auth') state.asked.push(new URL(incoming.url!, issuer).searchParams)
    pass(incoming, response, inner.port, async (answer) => {
      if (answer.location && /\/callback\?/.test(answer.location) && state.lies.callback) {
        const url = new URL(answer.location)
        state.lies.callback(url)
        answer.location = url.href
      }
      if (path === '/jwks' && rotated) answer.body = JSON.stringify({ keys: [publicJwk(key)] })
      const change = state.lies.json?.[path]
      if (path === '/token' || change) answer.body = await changed(answer.body, change)
    })
  })

  async function changed(body: string, change: ((body: Record<string, unknown>) => void) | undefined) {
    const json = JSON.parse(body)
    const lies = rotated || state.lies.idToken || state.lies.signature
    if (json.id_token && lies) json.id_token = await resigned(json.id_token, state.lies, key)
    change?.(json)
    return JSON.stringify(json)
  }

  return state
}

interface Key {
  privateKey: CryptoKey
  jwk: JWK
}

async function newKey(kid: string): Promise<Key> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return { privateKey, jwk: { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' } }
}

function publicJwk({ jwk: { kty, n, e, kid, alg, use } }: Key): JWK {
  return { kty, n, e, kid, alg, use } as JWK
}

function makeProvider(
  state: IdentityProvider,
  key: Key,
  { claimsInIdToken = false, clientMetadata = {} }: { claimsInIdToken?: boolean; clientMetadata?: object },
): Provider {
  const port = new URL(state.issuer).port
  const people = new Map<string, Person>()
  const provider: Provider = new Provider(state.issuer, {
    clients: [
      {
        client_id: upstreamClient.clientId,
        client_secret: upstreamClient.clientSecret,
        redirect_uris: ['http://localhost/connections/any/callback'],
        ...clientMetadata,
      },
    ],
    jwks: { keys: [key.jwk] } as never,
    claims: { openid: ['sub', 'azp'], email: ['email', 'email_verified'], profile: ['name', 'hd'], groups: ['groups'] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    conformIdTokenClaims: !claimsInIdToken,
    cookies: {
      keys: ['upstream'],
      names: { session: `_session${port}`, interaction: `_interaction${port}`, resume: `_resume${port}` },
    },
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => people.get(sub) as never }),
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        accountId: ctx.oidc.session!.accountId!,
        clientId: ctx.oidc.client!.clientId,
      })
      grant.addOIDCScope('openid email profile groups')
      await grant.save()
      return grant
    },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    ttl: { Session: 3600, Interaction: 3600, Grant: 3600, AccessToken: 3600, IdToken: 3600 },
  })
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next()
    const { person } = state
    people.set(person.sub, { ...person })
    const result = { login: { accountId: person.sub } }
    ctx.status = 303
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result))
  })
  // Tests start wherever there is a free port.
  Object.assign(provider.Client.prototype, { redirectUriAllowed: () => true, postLogoutRedirectUriAllowed: () => true })
  // Nobody stays signed in there: each test says who comes next.
  provider.use(async (ctx, next) => {
    if (ctx.path === '/auth') ctx.req.headers.cookie = ''
    await next()
  })
  return provider
}

async function resigned(idToken: string, { idToken: change, signature }: Lies, key: Key): Promise<string> {
  const [head = '', payload = ''] = idToken.split('.')
  const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token: IdToken = { header: { ...decode(head), kid: key.jwk.kid }, claims: decode(payload) }
  change?.(token)
  const sign = (secret: CryptoKey | Uint8Array, alg: string) =>
    new SignJWT(token.claims).setProtectedHeader({ ...token.header, alg }).sign(secret)
  switch (signature) {
    case 'none':
      return `${encode({ ...token.header, alg: 'none' })}.${encode(token.claims)}.`
    case 'hmac with the public key':
      return sign(new TextEncoder().encode(JSON.stringify(publicJwk(key))), 'HS256')
    case 'hmac with the client secret':
      return sign(new TextEncoder().encode(upstreamClient.clientSecret), 'HS256')
    case 'other key':
      return sign((await newKey('other')).privateKey, 'RS256')
    case 'broken': {
      const signed = await sign(key.privateKey, 'RS256')
      const at = signed.length - 20
      return `${signed.slice(0, at)}${signed[at] === 'A' ? 'B' : 'A'}${signed.slice(at + 1)}`
    }
    default:
      return sign(key.privateKey, 'RS256')
  }
}

interface Answer {
  body: string
  location: string | undefined
}

function pass(
  incoming: IncomingMessage,
  response: ServerResponse,
  port: number,
  change: (answer: Answer) => Promise<void>,
): void {
  const { method, url, headers } = incoming
  const outgoing = request({ host: '127.0.0.1', port, method, path: url, headers }, async (reply) => {
    const chunks: Buffer[] = []
    for await (const chunk of reply) chunks.push(chunk)
    const answer: Answer = { body: Buffer.concat(chunks).toString(), location: reply.headers.location }
    await change(answer).catch((error) => console.error(error))
    const { 'content-length': _, 'transfer-encoding': __, ...rest } = reply.headers
    response.writeHead(reply.statusCode ?? 500, {
      ...rest,
      ...(answer.location && { location: answer.location }),
      'content-length': Buffer.byteLength(answer.body),
    })
    response.end(answer.body)
  })
  incoming.pipe(outgoing)
}

async function listen(server: Server): Promise<{ server: Server; port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, port: (server.address() as AddressInfo).port }
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => void server.close(() => resolve()))
}
