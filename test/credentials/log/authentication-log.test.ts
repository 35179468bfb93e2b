import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import {
  askIntrospection,
  clientToken,
  expire,
  logEntries,
  rowOf,
  unknownUses,
  verify,
} from '#support/credential-requests.ts'
import { availableDatabases } from '#support/databases.ts'
import {
  basic,
  confidentialClient,
  type Gatehouse,
  jwtResourceServer,
  resourceServer,
  serviceAccount,
  startGatehouse,
} from '#support/gatehouse.ts'
import { createKey, signInTo } from '#support/keys.ts'
import { beginSignIn, enterPassword, signIn } from '#support/relying-party.ts'

const call = { ip: '203.0.113.9', method: 'PATCH', path: '/items/7' }

describe.each(availableDatabases())('the authentication log on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
  })
  afterAll(() => gatehouse.stop())

  const usersId = async (email: string) =>
    (await gatehouse.database.db.selectFrom('users').select('id').where('email', '=', email).executeTakeFirstOrThrow())
      .id
  const organizationId = async (slug: string) =>
    (
      await gatehouse.database.db
        .selectFrom('organizations')
        .select('id')
        .where('slug', '=', slug)
        .executeTakeFirstOrThrow()
    ).id

  test('has one entry for an introspection, with all that is known', async () => {
    const { tokens } = await signIn(gatehouse.url, { pick: 'acme' })
    await gatehouse.introspect(tokens.access_token, { ...call, user_agent: 'whole' })
    const { id } = await rowOf(gatehouse, tokens.access_token)
    expect(await logEntries(gatehouse, 'whole')).toEqual([
      {
        id: expect.any(Number),
        occurredAt: expect.any(Date),
        outcome: 'accepted',
        reason: null,
        credentialId: id,
        credentialKind: 'access_token',
        credentialName: null,
        via: 'introspection',
        userId: await usersId('ada@acme.test'),
        userEmail: 'ada@acme.test',
        organizationId: await organizationId('acme'),
        clientId: 'console',
        resourceServer: 'inventory-api',
        ip: '203.0.113.9',
        userAgent: 'whole',
        method: 'PATCH',
        path: '/items/7',
      },
    ])
  })

  test('says what was refused, and of a known credential whose it was', async () => {
    const token = await clientToken(gatehouse.url)
    await expire(gatehouse, token)
    await gatehouse.introspect(token, { user_agent: 'expired' })
    const { id } = await rowOf(gatehouse, token)
    expect(await logEntries(gatehouse, 'expired')).toMatchObject([
      {
        outcome: 'refused',
        reason: 'expired',
        credentialId: id,
        credentialKind: 'access_token',
        userId: null,
        clientId: 'nightly-export',
        organizationId: await organizationId('acme'),
        resourceServer: 'inventory-api',
      },
    ])
  })

  test('names the resource server that asked, and none for another client', async () => {
    const jwt = await clientToken(gatehouse.url, { resource: 'https://reports.example' })
    await gatehouse.introspect(jwt, { user_agent: 'by reports' }, jwtResourceServer)
    await gatehouse.introspect(jwt, { user_agent: 'by itself' }, serviceAccount)
    expect(await logEntries(gatehouse, 'by reports')).toMatchObject([{ resourceServer: 'reports-api' }])
    expect(await logEntries(gatehouse, 'by itself')).toMatchObject([{ resourceServer: null, outcome: 'accepted' }])
  })

  test('has one entry for a verification, accepted or refused, and its forwarded request', async () => {
    const { tokens } = await signIn(gatehouse.url, { ...confidentialClient, pick: 'acme' })
    const headers = { 'user-agent': 'proxied', 'x-original-method': 'DELETE', 'x-original-uri': '/items/8?x=1' }
    await verify(gatehouse.url, { ...headers, authorization: `Bearer ${tokens.access_token}` })
    await verify(gatehouse.url, { ...headers, authorization: tokens.access_token }, '?permission=reports:read')
    await verify(gatehouse.url, { ...headers, 'x-api-key': 'x'.repeat(40) })
    await verify(gatehouse.url, { ...headers, authorization: `Bearer ${tokens.refresh_token}` })
    await verify(gatehouse.url, headers)
    expect(await unknownUses(gatehouse, 'x-api-key')).toMatchObject([
      { network: '127.0.0.0/24', reason: 'unknown', count: 1 },
    ])
    const { id } = await rowOf(gatehouse, tokens.access_token)
    const forwarded = { ip: '127.0.0.1', method: 'DELETE', path: '/items/8', resourceServer: null }
    const known = { credentialId: id, clientId: 'webapp', userEmail: 'ada@acme.test', ...forwarded }
    expect(await logEntries(gatehouse, 'proxied')).toMatchObject([
      { ...known, outcome: 'accepted', reason: null, via: 'bearer' },
      { ...known, outcome: 'denied', reason: 'permission_missing', via: 'authorization' },
      { ...forwarded, outcome: 'refused', reason: 'wrong_kind', via: 'bearer', credentialKind: 'refresh_token' },
    ])
  })

  test('never holds the query of a forwarded path, where an API key may stand', async () => {
    const { url } = gatehouse
    const key = (await createKey(gatehouse, await signInTo(gatehouse, 'acme'))).key
    for (const header of ['x-original-uri', 'x-forwarded-uri', 'x-envoy-original-path']) {
      await verify(url, { 'user-agent': 'with key', [header]: `/items?ApiKey=${key}&b=2` })
    }
    await verify(url, { 'user-agent': 'with key' }, `?ApiKey=${key}`)
    await gatehouse.introspect(key, { user_agent: 'with key', path: `/items?ApiKey=${key}#${key}` })
    const entries = await logEntries(gatehouse, 'with key')
    expect(entries.map(({ via, path }) => [via, path])).toEqual([
      ['query', '/items'],
      ['query', '/items'],
      ['query', '/items'],
      ['query', null],
      ['introspection', '/items'],
    ])
    expect(JSON.stringify(entries) + gatehouse.logLines.join('')).not.toContain(key)
  })

  test('has an entry for each of 400 questions at once, and the count of 100 that nobody knows', async () => {
    const tokens = await Promise.all([clientToken(gatehouse.url), clientToken(gatehouse.url)])
    const headers = { authorization: basic(resourceServer) }
    await Promise.all(
      Array.from({ length: 500 }, (_, n) => {
        const token = n % 5 === 4 ? 'x'.repeat(40) : tokens[n % 2]!
        return askIntrospection(gatehouse.url, headers, `token=${token}&user_agent=many&path=/${n}`)
      }),
    )
    const entries = await logEntries(gatehouse, 'many')
    expect(entries).toHaveLength(400)
    expect(new Set(entries.map((entry) => entry.path)).size).toBe(400)
    const garbage = (await unknownUses(gatehouse, 'introspection')).filter(({ network }) => network === null)
    expect(garbage.reduce((sum, { count }) => sum + count, 0)).toBe(100)
  })

  test('takes whatever is sent, and nobody else in the batch suffers', async () => {
    const token = await clientToken(gatehouse.url)
    const odd = [
      '\u0000',
      '\u0001\u001b[2J',
      'a\r\nb',
      '\u2028',
      '%00%ED%A0%80',
      '€'.repeat(300),
      '\u{1f600}'.repeat(200),
    ]
    odd.push('"\\', "'); drop table authentication_log; --", '{"n":0}', '\\u0000', '\\ud800', 'x'.repeat(15_000))
    const headers = { authorization: basic(resourceServer) }
    const bodies = odd.flatMap((value) =>
      ['user_agent', 'path', 'ip', 'method'].map((name) => `token=${token}&${name}=${encodeURIComponent(value)}`),
    )
    // Bytes that are no UTF-8, half a surrogate among them.
    bodies.push(`token=${token}&user_agent=%ED%A0%80&path=%ff%00`, `token=${token}&path=%F0%9F%98`)
    const before = (await logEntries(gatehouse)).length
    const answers = await Promise.all(bodies.map((body) => askIntrospection(gatehouse.url, headers, body)))
    for (const { status, text } of answers) expect([status, JSON.parse(text).active]).toEqual([200, true])
    const entries = (await logEntries(gatehouse)).slice(before)
    expect(entries).toHaveLength(bodies.length)
    for (const { userAgent, path, ip, method } of entries) {
      for (const [value, longest] of [
        [userAgent, 256],
        [path, 1024],
        [ip, 64],
        [method, 16],
      ] as const) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be there
        expect(value ?? '').not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/)
        expect((value ?? '').length).toBeLessThanOrEqual(longest)
        expect((value ?? '').isWellFormed()).toBe(true)
      }
    }
  })

  test('takes what a proxy forwards, however odd', async () => {
    const token = await clientToken(gatehouse.url)
    const odd = { 'user-agent': 'x\u00ff\u0080'.repeat(300), 'x-original-uri': `${'/y'.repeat(2500)}` }
    const headers = { ...odd, authorization: `Bearer ${token}`, 'x-original-method': 'M'.repeat(100) }
    expect((await verify(gatehouse.url, headers)).status).toBe(200)
    const [entry] = (await logEntries(gatehouse)).slice(-1)
    expect(entry).toMatchObject({ method: 'M'.repeat(16), path: '/y'.repeat(512) })
    expect(entry?.userAgent).toHaveLength(256)
  })

  test('has a sign-in in the log of the organization that its request names, a superadmin’s too', async () => {
    for (const email of ['ada@acme.test', 'root@example.test']) {
      const browser = new Browser((target) => target.port === '8080')
      browser.headers = { 'user-agent': email }
      await signIn(gatehouse.url, { browser, email, parameters: { organization: 'acme' } })
      expect(await logEntries(gatehouse, email)).toContainEqual(
        expect.objectContaining({ credentialKind: 'password', organizationId: await organizationId('acme') }),
      )
    }
  })

  test('keeps a stranger’s sign-in out of the log of an organization that its request names', async () => {
    const browser = new Browser((target) => target.port === '8080')
    browser.headers = { 'user-agent': 'stranger' }
    await beginSignIn(gatehouse.url, { browser, parameters: { organization: 'acme' } })
    await enterPassword(browser, 'grace@globex.test')
    expect(await logEntries(gatehouse, 'stranger')).toMatchObject([
      { credentialKind: 'password', organizationId: null },
    ])
  })
})
