import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  allowed,
  answerOf,
  claimsOf,
  connect,
  countUsers,
  isAtRelyingParty,
  newBrowser,
  pressConnection,
  signInThrough,
} from '#support/federation.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { type IdentityProvider, type Lies, startIdentityProvider, upstreamClient } from '#support/identity-provider.ts'
import { beginSignIn, signIn } from '#support/relying-party.ts'

function set(of: Record<string, unknown>, name: string, value: unknown): void {
  of[name] = value
}

const seconds = () => Math.floor(Date.now() / 1000)
const json =
  (value: unknown, status = 200) =>
  (response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(value))
  }

/** What nobody may be signed in by. */
const lies: [string, Lies][] = [
  ['a nonce of another request', { idToken: ({ claims }) => set(claims, 'nonce', 'other') }],
  ['no nonce', { idToken: ({ claims }) => void delete claims.nonce }],
  ['another issuer', { idToken: ({ claims }) => set(claims, 'iss', 'https://evil.example') }],
  ['no issuer', { idToken: ({ claims }) => void delete claims.iss }],
  ['another audience', { idToken: ({ claims }) => set(claims, 'aud', 'somebody-else') }],
  [
    'an audience besides ours without azp',
    { idToken: ({ claims }) => set(claims, 'aud', [upstreamClient.clientId, 'other']) },
  ],
  ['another authorized party', { idToken: ({ claims }) => set(claims, 'azp', 'other') }],
  ['no audience', { idToken: ({ claims }) => void delete claims.aud }],
  ['an id token that has expired', { idToken: ({ claims }) => set(claims, 'exp', seconds() - 60) }],
  ['an id token that never expires', { idToken: ({ claims }) => void delete claims.exp }],
  ['an id token of tomorrow', { idToken: ({ claims }) => set(claims, 'nbf', seconds() + 86_400) }],
  ['an id token issued tomorrow', { idToken: ({ claims }) => set(claims, 'iat', seconds() + 86_400) }],
  ['no subject', { idToken: ({ claims }) => void delete claims.sub }],
  ['an empty subject', { idToken: ({ claims }) => set(claims, 'sub', '') }],
  ['a number as subject', { idToken: ({ claims }) => set(claims, 'sub', 7) }],
  ['half a character as subject', { idToken: ({ claims }) => set(claims, 'sub', '\ud800') }],
  ['another subject by userinfo', { json: { '/me': (body) => set(body, 'sub', 'somebody-else') } }],
  ['a key that it does not publish', { signature: 'other key' }],
  ['a broken signature', { signature: 'broken' }],
  ['no signature', { signature: 'none' }],
  ['an HMAC with its public key', { signature: 'hmac with the public key' }],
  ['an HMAC with the client secret', { signature: 'hmac with the client secret' }],
  ['a kid that nobody has', { idToken: ({ header }) => set(header, 'kid', 'nobody') }],
  [
    'a critical extension that nobody knows',
    { idToken: ({ header }) => void Object.assign(header, { crit: ['b64'], b64: true }) },
  ],
  ['no id token', { json: { '/token': (body) => void delete body.id_token } }],
  ['an id token that is none', { json: { '/token': (body) => set(body, 'id_token', 'a.b.c') } }],
  ['no access token', { json: { '/token': (body) => void delete body.access_token } }],
  ['a JWKS without keys', { answer: { '/jwks': json({ keys: [] }) } }],
  ['a JWKS that is none', { answer: { '/jwks': json({ keys: 'none' }) } }],
  [
    'another issuer in the answer (RFC 9207)',
    { callback: (url) => url.searchParams.set('iss', 'https://evil.example') },
  ],
  ['no issuer in the answer, though it promised one', { callback: (url) => url.searchParams.delete('iss') }],
  ['a code of its own making', { callback: (url) => url.searchParams.set('code', 'made-up') }],
  ['two codes', { callback: (url) => url.searchParams.append('code', 'second') }],
  ['an error of the client', { answer: { '/token': json({ error: 'invalid_client' }, 401) } }],
  ['a refusal', { callback: (url) => url.searchParams.set('error', 'access_denied') }],
  ['a token answer of the wrong type', { answer: { '/token': (response) => void response.end('<html>') } }],
]

const huge = (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(`{"keys":[],"padding":"${'x'.repeat(2_000_000)}"}`)
}
const packed = gzipSync(Buffer.alloc(20_000_000, ' '))
const bomb = (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
  response.end(packed)
}
const redirecting = (response: ServerResponse) => {
  response.writeHead(302, { location: 'http://127.0.0.1:1/latest/meta-data' })
  response.end()
}
const failing = json({ error: 'server_error' }, 500)
const dropping = (response: ServerResponse) => void response.destroy()
const silent = () => {}

describe('an identity provider that misbehaves', () => {
  let gatehouse: Gatehouse
  let provider: IdentityProvider

  beforeAll(async () => {
    provider = await startIdentityProvider()
    gatehouse = await startGatehouse({ config: allowed(provider) })
    await connect(gatehouse, {
      name: 'acme-idp',
      organization: 'acme',
      issuer: provider.issuer,
      displayName: 'Acme Login',
    })
  })
  beforeEach(() => {
    provider.lies = {}
    provider.person = { sub: 'mallory', name: 'Mallory', email: 'mallory@acme.test', email_verified: true }
  })
  afterAll(async () => {
    await gatehouse.stop()
    await provider.stop()
  })

  const toAcme = { parameters: { organization: 'acme' } }

  /** Nobody is signed in or made, and the page says whose fault it is and how to go on. */
  async function expectNothing(work: () => Promise<Awaited<ReturnType<typeof signInThrough>>>, statuses: number[]) {
    const before = await countUsers(gatehouse)
    const { browser } = await work()
    expect(isAtRelyingParty(browser)).toBe(false)
    expect(statuses).toContain(browser.page.status)
    expect(browser.page.headers.get('content-type')).toContain('text/html')
    expect(browser.page.html).toContain('Acme Login')
    expect(browser.page.html).toMatch(/not signed in|without signing you in/i)
    expect(browser.page.html).toContain('data-test="back"')
    expect(browser.page.html).not.toMatch(/stack|at file:|eyJ|oauth4webapi|openid-client/)
    expect(await countUsers(gatehouse)).toBe(before)
    await beginSignIn(gatehouse.url, { browser, parameters: { prompt: 'none' } })
    expect(browser.page.url).toContain('error=login_required')
  }

  test('that behaves signs people in', async () => {
    expect(await claimsOf(await signInThrough(gatehouse, 'acme-idp', toAcme))).toMatchObject({ org_slug: 'acme' })
    provider.lies = {
      idToken: ({ claims }) =>
        void Object.assign(claims, { aud: [upstreamClient.clientId, 'other'], azp: upstreamClient.clientId }),
    }
    expect(await claimsOf(await signInThrough(gatehouse, 'acme-idp', toAcme))).toMatchObject({ org_slug: 'acme' })
  })

  test.each(lies)('nobody is signed in by %s', async (_, lie) => {
    provider.lies = lie
    provider.person = { sub: 'mallory-2', name: 'Mallory', email: 'mallory2@acme.test', email_verified: true }
    await expectNothing(() => signInThrough(gatehouse, 'acme-idp', toAcme), [400, 403, 502])
  })

  test.each([
    ['fails', failing],
    ['redirects', redirecting],
    ['answers with two megabytes', huge],
    ['answers with twenty megabytes, packed', bomb],
    ['hangs up', dropping],
  ])('nobody is signed in when it %s at any of its endpoints', async (_, answer) => {
    for (const path of ['/token', '/jwks', '/me']) {
      provider.lies = { answer: { [path]: answer } }
      provider.person = { sub: 'mallory-3', name: 'Mallory', email: 'mallory3@acme.test', email_verified: true }
      await expectNothing(() => signInThrough(gatehouse, 'acme-idp', toAcme), [502])
    }
  })

  test('one that is down is said to be, and holds up nobody else', async () => {
    // discovery is remembered, so the browser would get there; forget it first
    provider.lies = { answer: { '/token': failing } }
    await signInThrough(gatehouse, 'acme-idp', toAcme)
    await provider.down()
    try {
      await expectNothing(() => signInThrough(gatehouse, 'acme-idp', toAcme), [502])
      await signIn(gatehouse.url, { pick: 'acme' })
    } finally {
      await provider.up()
    }
    provider.lies = {}
    await claimsOf(await signInThrough(gatehouse, 'acme-idp', toAcme))
  })

  test('one that never answers is given up on after five seconds, while others sign in', async () => {
    provider.lies = { answer: { '/token': silent } }
    const started = Date.now()
    const waiting = expectNothing(() => signInThrough(gatehouse, 'acme-idp', toAcme), [504])
    await signIn(gatehouse.url, { pick: 'acme' })
    expect(Date.now() - started).toBeLessThan(4_000)
    await waiting
    expect(Date.now() - started).toBeLessThan(9_000)
  })

  test('a metadata document that says it is somebody else is not believed', async () => {
    const other = await startIdentityProvider()
    other.lies = {
      json: { '/.well-known/openid-configuration': (body) => set(body, 'issuer', 'https://evil.example') },
    }
    const second = await startGatehouse({ config: allowed(other) })
    await connect(second, { name: 'liar', organization: 'acme', issuer: other.issuer, displayName: 'Acme Login' })
    const { browser } = await signInThrough(second, 'liar', toAcme)
    expect(browser.page.status).toBe(400)
    expect(other.requests).not.toContain('GET /auth')
    await second.stop()
    await other.stop()
  })

  test.for([
    ['javascript:alert(1)'],
    ['myapp://authorize'],
    [`https://idp.example/${'x'.repeat(5_000)}`],
    [undefined],
  ] as const)('a browser is not sent to %s', async ([endpoint]) => {
    const other = await startIdentityProvider()
    other.lies = {
      json: { '/.well-known/openid-configuration': (body) => set(body, 'authorization_endpoint', endpoint) },
    }
    const second = await startGatehouse({ config: allowed(other) })
    await connect(second, { name: 'liar', organization: 'acme', issuer: other.issuer, displayName: 'Acme Login' })
    const { browser } = await signInThrough(second, 'liar', toAcme)
    expect(browser.page.status).toBe(400)
    expect(browser.page.html).toContain('Acme Login')
    await second.stop()
    await other.stop()
  })

  test('a private address is not called unless the operator allows it', async () => {
    const private_ = await startIdentityProvider()
    await connect(gatehouse, { name: 'private', issuer: private_.issuer, displayName: 'Acme Login' })
    await connect(gatehouse, {
      name: 'private-https',
      issuer: private_.issuer.replace('http:', 'https:'),
      displayName: 'Acme Login',
    })
    for (const name of ['private', 'private-https']) {
      await expectNothing(() => signInThrough(gatehouse, name), [502])
    }
    expect(private_.requests).toEqual([])
    await private_.stop()
  })

  test('keys that were rotated while somebody signed in work at once, and the JWKS is asked for once each time', async () => {
    const { browser, callback, flow } = await answerOf(gatehouse, 'acme-idp', toAcme)
    await provider.rotateKeys()
    provider.requests.length = 0
    const arriving = newBrowser()
    for (const name of browser.cookieNames()) arriving.setCookie(name, browser.cookie(name)!)
    await arriving.get(callback)
    expect(isAtRelyingParty(arriving)).toBe(true)
    expect(flow.state).toBeTruthy()
    provider.lies = { idToken: ({ header }) => set(header, 'kid', 'nobody') }
    for (let tries = 0; tries < 3; tries++) await signInThrough(gatehouse, 'acme-idp', toAcme)
    expect(provider.requests.filter((one) => one === 'GET /jwks')).toHaveLength(4)
  })

  test('what it sends is in no log', async () => {
    provider.lies = { json: { '/token': (body) => set(body, 'id_token', 'secret-of-the-provider') } }
    await signInThrough(gatehouse, 'acme-idp', toAcme)
    provider.lies = { callback: (url) => url.searchParams.set('error', 'secret\nof-the-provider') }
    const { browser } = await signInThrough(gatehouse, 'acme-idp', toAcme)
    expect(browser.page.html).not.toContain('of-the-provider')
    const log = gatehouse.logLines.join('\n')
    expect(log).not.toContain('of-the-provider')
    expect(log).not.toContain(upstreamClient.clientSecret)
    expect(log).toContain('sign-in through a connection failed')
    expect(gatehouse.logLines.filter((line) => JSON.parse(line).level >= 50)).toEqual([])
  })

  test('a person can go on another way after an error', async () => {
    provider.lies = { answer: { '/token': failing } }
    const { browser } = await signInThrough(gatehouse, 'acme-idp', toAcme)
    const back = /href="([^"]+)" data-test="back"/.exec(browser.page.html)?.[1]
    await browser.get(new URL(back!, gatehouse.url))
    expect(browser.page.html).toContain('data-test="login"')
    provider.lies = {}
    await pressConnection(browser, 'acme-idp')
    expect(isAtRelyingParty(browser)).toBe(true)
  })
})
