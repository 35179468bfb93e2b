import { BlockList } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { basic, password, resourceServer, serviceAccount } from '#support/gatehouse.ts'
import { allAtOnce, availableStores, type Deployment, deploy, postForm, type Stores, send } from '#support/wire.ts'

const proxies = new BlockList()
proxies.addAddress('127.0.0.1')

describe.each(availableStores())('limits, on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  beforeAll(async () => {
    deployment = await deploy(store, { config: { trustedProxies: proxies } })
    gatehouse = deployment.gatehouse
  })
  afterAll(() => deployment.stop())

  const from = (ip: string, more: Record<string, string> = {}) => ({ headers: { 'x-forwarded-for': ip, ...more } })

  const signIn = (email: string, secret: string, ip: string, port = gatehouse.config.port) =>
    send(gatehouse, port, {
      method: 'POST',
      path: '/v1/auth/authenticate',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': ip },
      body: JSON.stringify({ email, password: secret, organization: 'globex' }),
    })

  test('ten right passwords at once all sign in', async () => {
    const answers = await allAtOnce(10, deployment.ports, (port, n) =>
      signIn('grace@globex.test', password, `203.0.113.${n}`, port),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
  })

  test('the owner’s own sign-ins give a stranger no further guess', async () => {
    const statuses: number[] = []
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 4; n++) statuses.push((await signIn('ada@acme.test', 'wrong', '198.51.100.7')).status)
      await signIn('ada@acme.test', password, '203.0.113.7')
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(10)
    expect(statuses.filter((status) => status === 429)).toHaveLength(10)
  })

  test('wrong secrets of a client are limited at every endpoint together, from that network only', async () => {
    const wrong = { authorization: basic({ ...serviceAccount, clientSecret: 'wrong' }) }
    const paths = ['/oauth/token', '/oauth/revoke', '/oauth/introspect', '/oauth/par', '/oauth/device_authorization']
    const statuses: number[] = []
    for (let n = 0; n < 60; n++) {
      const ip = `2001:db8:5:6:${n.toString(16)}::1`
      const fields = { grant_type: 'client_credentials', token: 'x' }
      const { status, headers } = await postForm(gatehouse, paths[n % paths.length]!, fields, from(ip, wrong))
      statuses.push(status)
      if (status === 429) expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(50)
    expect(statuses.slice(50)).toEqual(Array(10).fill(429))
    const right = { authorization: basic(serviceAccount) }
    const token = (ip: string) =>
      postForm(gatehouse, '/oauth/token', { grant_type: 'client_credentials' }, from(ip, right))
    expect((await token('2001:db8:5:6::1')).status).toBe(429)
    expect((await token('2001:db8:5:7::1')).status).toBe(200)
    const other = { authorization: basic(resourceServer) }
    const asked = await postForm(gatehouse, '/oauth/introspect', { token: 'x' }, from('2001:db8:5:6::1', other))
    expect(asked.status).toBe(200)
  })

  test('what strangers may have stored is limited: device codes, pushed requests of at most 16 KB', async () => {
    const push = (fields: Record<string, string>, ip: string) =>
      postForm(gatehouse, '/oauth/par', { client_id: 'console', ...fields }, from(ip))
    expect((await push({ state: 'x'.repeat(17_000) }, '192.0.2.1')).status).toBe(400)
    const statuses = await allAtOnce(130, deployment.ports, async () => (await push({}, '192.0.2.2')).status)
    expect(statuses.filter((status) => status === 429)).toHaveLength(10)
    const device = await postForm(gatehouse, '/oauth/device_authorization', { client_id: 'tv' }, from('192.0.2.2'))
    expect(device.status).toBe(429)
  })

  test('user codes are not to be guessed', async () => {
    const statuses: number[] = []
    for (let n = 0; n < 32; n++) {
      const fields = { user_code: `AAAA-${1000 + n}`, xsrf: 'x' }
      statuses.push((await postForm(gatehouse, '/device', fields, from('192.0.2.3'))).status)
    }
    expect(statuses.slice(0, 30)).not.toContain(429)
    expect(statuses.slice(30)).toEqual([429, 429])
  })

  test('another spelling of an address, or its neighbour, is the same network', async () => {
    const spellings = ['2001:db8:9:1::a', '2001:0DB8:9:1:0:0:0:b', '2001:db8:9:1:ffff:1:2:3']
    const statuses: number[] = []
    for (let n = 0; n < 33; n++) {
      const ip = spellings[n % spellings.length]!
      statuses.push((await postForm(gatehouse, '/device', { user_code: 'AAAA-AAAA' }, from(ip))).status)
    }
    expect(statuses.slice(30)).toEqual([429, 429, 429])
  })
})
