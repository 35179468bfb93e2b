import { BlockList } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, clientToken, expire, logEntries, send, verify } from '#support/credential-requests.ts'
import { availableDatabases } from '#support/databases.ts'
import { confidentialClient, type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { signIn } from '#support/relying-party.ts'

describe.each(availableDatabases())('/v1/auth/verify on %s', (database) => {
  let gatehouse: Gatehouse
  let token: string
  let ada: string
  let acme: string
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    const { tokens } = await signIn(gatehouse.url, { pick: 'acme' })
    token = tokens.access_token
    ada = String(tokens.claims()?.sub)
    acme = String(tokens.claims()?.org_id)
  })
  afterAll(() => gatehouse.stop())

  const bearer = () => ({ authorization: `Bearer ${token}` })
  const ask = (headers: Record<string, string | string[]>, query = '') => verify(gatehouse.url, headers, query)

  function expectProblem(answer: Answer, status: number, code: string) {
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(JSON.parse(answer.text)).toMatchObject({ status, code, title: expect.any(String) })
    if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
    for (const name of Object.keys(answer.headers)) expect(name).not.toMatch(/^x-auth-(?!denied)/)
  }

  test('tells the proxy who, where and what, and sends no body', async () => {
    const answer = await ask({ authorization: `Bearer ${token}` })
    expect(answer.status).toBe(200)
    expect(answer.text).toBe('')
    const auth = Object.entries(answer.headers).filter(([name]) => name.startsWith('x-auth-'))
    expect(Object.fromEntries(auth)).toEqual({
      'x-auth-subject': ada,
      'x-auth-organization': acme,
      'x-auth-permissions': 'configuration-items:read,configuration-items:write',
      'x-auth-data-scopes': '[{"source":"kubernetes","scope_id":"prod-cluster"},{"source":"proxmox","scope_id":null}]',
    })
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['referrer-policy']).toBe('no-referrer')
  })

  test('answers the original request, method, host and all, behind a path of its own, as Envoy asks', async () => {
    const asked = await fetch(`${gatehouse.url}/v1/auth/verify/envoy/items/7?permission=reports%3Aread`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}` },
    })
    expect(asked.status).toBe(200)
    expect(asked.headers.get('x-auth-subject')).toBe(ada)
    const entry = await gatehouse.database.db
      .selectFrom('authenticationLog')
      .select(['method', 'path'])
      .orderBy('id', 'desc')
      .executeTakeFirst()
    expect(entry).toEqual({ method: 'DELETE', path: '/items/7' })
    const behind = `${gatehouse.url}/v1/auth/verify/envoy/items`
    expect((await fetch(behind, { method: 'POST' })).status).toBe(401)
    const traced = await send(gatehouse.url, {
      method: 'TRACE',
      path: '/v1/auth/verify/envoy/items',
      headers: bearer(),
    })
    expect(traced.status).toBe(405)
  })

  test('allows nothing that it does not understand', async () => {
    const permission = 'reports:read'
    const queries = [
      `?permissions=${permission}`,
      `?Permission=${permission}`,
      `?permission[]=${permission}`,
      `?permission%00=${permission}`,
      '?scope=x',
      '?x',
      '?=x',
    ]
    for (const query of queries) expectProblem(await ask(bearer(), query), 400, 'invalid_request')
    for (const path of [
      '/',
      '/?permission=reports:read',
      '/x',
      '//',
      '/envoy',
      '/Envoy/x',
      'x',
      '/%2e/',
      '/../verify/',
    ]) {
      const { status } = await send(gatehouse.url, { path: `/v1/auth/verify${path}`, headers: bearer() })
      expect([path, status]).toEqual([path, 404])
    }
  })

  test('says what is missing, and logs the use as denied, not as accepted', async () => {
    await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const headers = { ...bearer(), 'user-agent': index % 2 ? 'may' : 'may not', 'x-original-uri': '/items' }
        const query = `?permission=${index % 2 ? 'configuration-items:read' : 'reports:read'}`
        expect((await ask(headers, query)).status).toBe(index % 2 ? 200 : 403)
      }),
    )
    expect(await logEntries(gatehouse, 'may')).toEqual(Array(6).fill(expect.objectContaining({ outcome: 'accepted' })))
    const deniedEntry = { outcome: 'denied', reason: 'permission_missing', path: '/items', userId: ada }
    expect(await logEntries(gatehouse, 'may not')).toEqual(Array(6).fill(expect.objectContaining(deniedEntry)))

    const permission = await ask(bearer(), '?permission=reports:read&source=aws')
    expectProblem(permission, 403, 'permission_denied')
    expect(permission.headers['x-auth-denied']).toBe('{"permission":"reports:read"}')
    expect(JSON.parse(permission.text)).toMatchObject({ detail: expect.stringContaining('reports:read') })
    const scope = await ask({ ...bearer(), 'user-agent': 'scoped' }, `?source=${encodeURIComponent('aws\nü')}`)
    expect(scope.headers['x-auth-denied']).toBe(String.raw`{"source":"aws\n\u00fc","scope_id":null}`)
    expect(await logEntries(gatehouse, 'scoped')).toMatchObject([{ outcome: 'denied', reason: 'data_scope_missing' }])
    const listed = await fetch(`${gatehouse.url}/v1/authentication-log?outcome=denied&limit=1`, { headers: bearer() })
    expect(await listed.json()).toMatchObject({ items: [{ outcome: 'denied', count: 1 }] })
  })

  test('believes the headers of one proxy only', async () => {
    const forged = { ...bearer(), 'x-original-uri': '/innocent', 'x-forwarded-uri': '/secret' }
    expectProblem(await ask(forged), 400, 'invalid_request')
    const chosen = await startGatehouse({ database, config: { verifyProxy: 'traefik' } })
    const authorization = await clientToken(chosen.url)
    const headers = { ...forged, authorization, 'user-agent': 'behind traefik' }
    expect((await verify(chosen.url, headers)).status).toBe(200)
    expect(await logEntries(chosen, 'behind traefik')).toMatchObject([{ path: '/secret' }])
    const key = { 'x-original-uri': `/?ApiKey=${authorization}` }
    expect((await verify(chosen.url, key)).status).toBe(401)
    await chosen.stop()
  })

  test('knows a service account, a JWT, a superadmin and a third party', async () => {
    const { url } = gatehouse
    const account = await ask({ authorization: `Bearer ${await clientToken(url)}` })
    expect(account.headers).toMatchObject({ 'x-auth-subject': 'nightly-export', 'x-auth-organization': acme })
    const jwt = await clientToken(url, { resource: 'https://reports.example' })
    expect((await ask({ authorization: `Bearer ${jwt}` })).headers['x-auth-subject']).toBe('nightly-export')
    const root = await signIn(url, { email: 'root@example.test', parameters: { organization: 'acme' } })
    const everything = await ask(
      { authorization: root.tokens.access_token },
      '?permission=any:thing&source=a&scope_id=b',
    )
    expect(everything.headers).toMatchObject({
      'x-auth-permissions': '*',
      'x-auth-data-scopes': '[{"source":null,"scope_id":null}]',
    })
    const scope = 'openid configuration-items:read'
    const third = await signIn(url, { ...confidentialClient, pick: 'acme', parameters: { scope } })
    const authorization = `Bearer ${third.tokens.access_token}`
    expect((await ask({ authorization })).headers['x-auth-permissions']).toBe('configuration-items:read')
    expectProblem(await ask({ authorization }, '?permission=configuration-items:write'), 403, 'permission_denied')
  })

  test('puts names beyond ASCII into headers as JSON escapes', async () => {
    const source = 'ümlaut 😀'
    await gatehouse.apply(
      `organizations: [{ slug: odd, members: [{ email: nobody@example.test, data_scopes: [{ source: "${source}", scope_id: null }] }] }]`,
    )
    const { tokens } = await signIn(gatehouse.url, { email: 'nobody@example.test' })
    const answer = await ask({ authorization: tokens.access_token }, `?source=${encodeURIComponent(source)}`)
    expect(answer.status).toBe(200)
    expect(String(answer.headers['x-auth-data-scopes'])).toMatch(/^[ -~]*$/)
    expect(JSON.parse(String(answer.headers['x-auth-data-scopes']))).toEqual([{ source, scope_id: null }])
  })

  test('takes the credential from wherever it may stand, and notes where', async () => {
    const places: [string, Record<string, string>, string?][] = [
      ['bearer', { authorization: `Bearer ${token}` }],
      ['bearer', { authorization: `bEARER  ${token}` }],
      ['authorization', { authorization: token }],
      ['x-api-key', { 'X-API-Key': token }],
      ['apikey-header', { ApiKey: token }],
      ['query', {}, `?ApiKey=${token}`],
      ['query', { 'x-original-uri': `/items?a=1&ApiKey=${token}` }],
      ['query', { 'x-forwarded-uri': `/items?ApiKey=${token}` }],
      ['query', { 'x-envoy-original-path': `/items?ApiKey=${token}` }],
      ['query', { 'x-original-uri': '/items?a=1' }, `?ApiKey=${token}`],
      // A user and password of the service behind the proxy is none of ours.
      ['x-api-key', { authorization: 'Basic dXNlcjpwYXNz', 'X-API-Key': token }],
    ]
    for (const [index, [via, headers, query]] of places.entries()) {
      const agent = `place-${index}`
      const answer = await ask({ ...headers, 'user-agent': agent }, query)
      expect([index, answer.status, answer.headers['x-auth-subject']]).toEqual([index, 200, ada])
      expect(await logEntries(gatehouse, agent)).toMatchObject([{ via, outcome: 'accepted' }])
    }
  })

  test('refuses two different credentials, wherever they stand, and takes the same one twice', async () => {
    const other = await clientToken(gatehouse.url)
    const pairs: [Record<string, string>, string?][] = [
      [{ authorization: `Bearer ${token}`, 'x-api-key': other }],
      [{ authorization: token, apikey: other }],
      [{ 'x-api-key': token, apikey: other }],
      [{ authorization: `Bearer ${token}` }, `?ApiKey=${other}`],
      [{ authorization: `Bearer ${token}`, 'x-original-uri': `/?ApiKey=${other}` }],
      [{ 'x-original-uri': `/?ApiKey=${token}&ApiKey=${other}` }],
      [{ 'x-original-uri': `/?ApiKey=${token}` }, `?ApiKey=${other}`],
      // also when one of them is nothing at all
      [{ authorization: `Bearer ${token}`, 'x-api-key': 'nonsense' }],
    ]
    for (const [headers, query] of pairs) {
      expectProblem(await ask(headers, query), 400, 'invalid_request')
      const same = Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [
          name,
          value.replaceAll(other, token).replaceAll('nonsense', token),
        ]),
      )
      expect((await ask(same, query?.replaceAll(other, token))).status).toBe(200)
    }
  })

  test('answers 401 without a good credential', async () => {
    const expired = await clientToken(gatehouse.url)
    await expire(gatehouse, expired)
    const { tokens } = await signIn(gatehouse.url, { pick: 'acme' })
    const attempts: Record<string, string>[] = [
      {},
      { authorization: '' },
      { authorization: 'Bearer' },
      { authorization: 'Bearer ' },
      { authorization: 'Basic dXNlcjpwYXNz' },
      { authorization: 'Bearer two words' },
      { authorization: `Bearer ${expired}` },
      { authorization: 'Bearer \u00ff' },
      { 'x-api-key': 'x'.repeat(10_000) },
      { authorization: `Bearer ${tokens.refresh_token}` },
      { authorization: `Bearer ${tokens.id_token}` },
    ]
    for (const headers of attempts) expectProblem(await ask(headers), 401, 'authentication_required')
    // being refused comes before being denied
    expectProblem(await ask({}, '?permission=reports:read'), 401, 'authentication_required')
  })

  describe('decides by permission and data scope', () => {
    let narrow: string
    let wide: string
    beforeAll(async () => {
      await gatehouse.apply(`
organizations:
  - slug: narrow
    members:
      - email: ada@acme.test
        permissions: ["configuration-items:*", "reports:read"]
        data_scopes: [{ source: kubernetes, scope_id: prod }, { source: ceph, scope_id: null }]
  - slug: wide
    members: [{ email: ada@acme.test, permissions: ["*"], data_scopes: [{ source: null, scope_id: null }] }]
  - slug: blind
    members: [{ email: ada@acme.test }]
`)
      const tokenIn = async (organization: string) =>
        (await signIn(gatehouse.url, { parameters: { organization } })).tokens.access_token
      narrow = await tokenIn('narrow')
      wide = await tokenIn('wide')
    })

    test.each([
      ['', 200, 200],
      ['?permission=', 200, 200],
      ['?permission=configuration-items:read', 200, 200],
      ['?permission=configuration-items:anything', 200, 200],
      ['?permission=configuration-items:*', 200, 200],
      ['?permission=reports:read', 200, 200],
      ['?permission=reports:write', 403, 200],
      ['?permission=reports:*', 403, 200],
      ['?permission=reports:reading', 403, 200],
      ['?permission=configuration-item:read', 403, 200],
      ['?permission=configuration-itemsx:read', 403, 200],
      ['?permission=Reports:read', 403, 200],
      ['?permission=*', 403, 200],
      ['?source=kubernetes&scope_id=prod', 200, 200],
      ['?source=kubernetes&scope_id=test', 403, 200],
      ['?source=kubernetes', 403, 200],
      ['?source=kubernetes&scope_id=', 403, 200],
      ['?source=ceph', 200, 200],
      ['?source=ceph&scope_id=x', 200, 200],
      ['?source=aws', 403, 200],
      ['?source=&scope_id=', 200, 200],
      ['?permission=reports:read&source=ceph', 200, 200],
      ['?permission=reports:write&source=ceph', 403, 200],
      ['?permission=reports:read&source=aws', 403, 200],
      ['?scope_id=prod', 400, 400],
      ['?source=&scope_id=prod', 400, 400],
    ])('%s', async (query, narrowStatus, wideStatus) => {
      const statuses = await Promise.all(
        [narrow, wide].map(async (authorization) => (await ask({ authorization }, query)).status),
      )
      expect(statuses).toEqual([narrowStatus, wideStatus])
    })

    test('a question asked twice is refused: the second could be meant', async () => {
      const query = '?permission=reports:read&permission=reports:write'
      expectProblem(await ask({ authorization: narrow }, query), 400, 'invalid_request')
    })

    test('by what the proxy asks, never by the query it forwards', async () => {
      const forwarded = { authorization: narrow, 'x-original-uri': '/?permission=reports:read&source=ceph' }
      expectProblem(await ask(forwarded, '?permission=reports:write'), 403, 'permission_denied')
    })

    test('nothing granted sees nothing', async () => {
      const { tokens } = await signIn(gatehouse.url, { parameters: { organization: 'blind' } })
      const authorization = tokens.access_token
      const answer = await ask({ authorization })
      expect(answer.headers).toMatchObject({ 'x-auth-permissions': '', 'x-auth-data-scopes': '[]' })
      expectProblem(await ask({ authorization }, '?source=ceph'), 403, 'permission_denied')
      expectProblem(await ask({ authorization }, '?permission=reports:read'), 403, 'permission_denied')
    })
  })
})

describe('the address in the log', () => {
  const proxies = new BlockList()
  proxies.addAddress('127.0.0.1')
  proxies.addSubnet('10.0.0.0', 8)
  proxies.addSubnet('fd00::', 8, 'ipv6')
  let behindProxy: Gatehouse
  let alone: Gatehouse
  beforeAll(async () => {
    behindProxy = await startGatehouse({ config: { trustedProxies: proxies } })
    alone = await startGatehouse()
  })
  afterAll(async () => {
    await behindProxy.stop()
    await alone.stop()
  })

  async function addressFor(gatehouse: Gatehouse, forwardedFor: string | string[]) {
    const agent = `agent-${Math.random()}`
    const answer = await verify(gatehouse.url, {
      'user-agent': agent,
      authorization: `Bearer ${await clientToken(gatehouse.url)}`,
      'x-forwarded-for': forwardedFor,
    })
    expect(answer.status).toBe(200)
    return (await logEntries(gatehouse, agent)).map((entry) => entry.ip)
  }

  test.each<[string | string[], string]>([
    ['203.0.113.9', '203.0.113.9'],
    ['198.51.100.1, 203.0.113.9', '203.0.113.9'],
    ['198.51.100.1, 203.0.113.9, 10.1.2.3', '203.0.113.9'],
    [['198.51.100.1', '203.0.113.9'], '203.0.113.9'],
    ['10.9.9.9, 10.1.2.3', '10.9.9.9'],
    ['2001:db8::1, fd00::7', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['', '127.0.0.1'],
    ['garbage', '127.0.0.1'],
    ['203.0.113.9, garbage', '127.0.0.1'],
    ['203.0.113.9, <script>, 10.1.2.3', '10.1.2.3'],
    [`fe80::1%${'a'.repeat(300)}`, '127.0.0.1'],
    [`${'203.0.113.9, '.repeat(500)}10.0.0.1`, '203.0.113.9'],
  ])('behind a trusted proxy, with X-Forwarded-For: %s', async (forwardedFor, address) => {
    expect(await addressFor(behindProxy, forwardedFor)).toEqual([address])
  })

  test('is the peer itself where no proxy is trusted', async () => {
    expect(await addressFor(alone, '203.0.113.9')).toEqual(['127.0.0.1'])
  })
})
