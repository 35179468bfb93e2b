import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientToken } from '#support/credential-requests.ts'
import { basic, type Gatehouse, resourceServer, startGatehouse } from '#support/gatehouse.ts'
import { exchange } from '#support/raw-connection.ts'
import { send } from '#support/wire.ts'

let gatehouse: Gatehouse
let host: string
beforeAll(async () => {
  gatehouse = await startGatehouse({ config: { signUp: 'open' } })
  host = new URL(gatehouse.url).host
})
afterAll(async () => {
  // Nothing that a client does here is a failure of ours.
  expect(gatehouse.logLines.filter((line) => JSON.parse(line).level >= 40)).toEqual([])
  await gatehouse.stop()
})

const ask = (...bytes: string[]) => exchange(gatehouse.config.port, ...bytes)

const form = 'application/x-www-form-urlencoded'
const postedTo: [path: string, type: string][] = [
  ['/oauth/introspect', form],
  ['/oauth/token', form],
  ['/oauth/revoke', form],
  ['/oauth/par', form],
  ['/oauth/device_authorization', form],
  ['/oauth/authorize', form],
  ['/device', form],
  ['/sign-up', form],
  ['/interaction/abcdefghijklmnopqrstu/login', form],
  ['/v1/auth/authenticate', 'application/json'],
  ['/v1/auth/verify', form],
  ['/nowhere', form],
]

describe.each(postedTo)('a body above 64 KB for %s', (path, type) => {
  const head = (more: string) => `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${type}\r\n${more}\r\n\r\n`

  test('is refused as soon as it is announced, and the connection ends', async () => {
    const { status, text } = await ask(head('Content-Length: 70000'))
    expect([Math.floor(status / 100), text.toLowerCase()]).toEqual([4, expect.stringContaining('connection: close')])
  })

  test.skipIf(path === '/v1/auth/verify')(
    'is refused once it has become too large, and the connection ends',
    async () => {
      const { status } = await ask(`${head('Transfer-Encoding: chunked')}11170\r\n${'x'.repeat(70_000)}\r\n0\r\n\r\n`)
      expect(Math.floor(status / 100)).toBe(4)
      const next = await send(gatehouse, gatehouse.config.port, { path: '/healthz' })
      expect(next.status).toBe(200)
    },
    5_000,
  )
})

describe('what is no HTTP', () => {
  const password = 'Geheim-9f3b2c'
  const cases: [what: string, status: number, bytes: () => string][] = [
    ['a header without a colon', 400, () => `GET / HTTP/1.1\r\nHost: ${host}\r\nCookie ${password}\r\n\r\n`],
    ['a NUL in a header', 400, () => `GET / HTTP/1.1\r\nHost: ${host}\r\nX-API-Key: ${password}\0\r\n\r\n`],
    ['another protocol', 400, () => `\u0016\u0003\u0001 ${password}\r\n\r\n`],
    ['headers above 16 KB', 431, () => `GET / HTTP/1.1\r\nHost: ${host}\r\nX: ${password.repeat(2000)}\r\n\r\n`],
    [
      'a bad chunk',
      400,
      () =>
        `POST /oauth/token HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${form}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n${password}`,
    ],
    [
      'an unknown transfer coding',
      400,
      () => `POST /sign-up HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: ${password}\r\n\r\n`,
    ],
    [
      'two lengths',
      400,
      () =>
        `POST /sign-up HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${password}`,
    ],
  ]

  test.each(cases)('%s is refused and logged by its code alone', async (_what, status, bytes) => {
    const answer = await ask(bytes())
    expect(answer.status).toBe(status)
    expect(answer.text.toLowerCase()).toContain('connection: close')
    const malformed = gatehouse.logLines.filter((line) => line.includes('malformed request'))
    expect(malformed.length).toBeGreaterThan(0)
    expect(gatehouse.logLines.join('')).not.toContain(password)
    expect(gatehouse.logLines.join('')).not.toContain('rawPacket')
  })

  test('junk behind a request is not a failure, and shows nothing of the request before it', async () => {
    await ask(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nX-API-Key: ${password}\r\n\r\njunk ${password}\r\n\r\n`)
    expect(gatehouse.logLines.join('')).not.toContain(password)
  })

  test('a client that is slow with its headers or its body is cut after 10 s', async () => {
    const [headers, body] = await Promise.all([
      ask(`GET / HTTP/1.1\r\nHost: ${host}\r\nX: `),
      ask(`POST /sign-up HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${form}\r\nContent-Length: 9\r\n\r\na=`),
    ])
    expect([headers.status, body.status]).toEqual([408, 408])
  }, 20_000)
})

describe('which host and which credential is meant', () => {
  const get = (lines: string, target = '/healthz') =>
    ask(`GET ${target} HTTP/1.1\r\n${lines}\r\nConnection: close\r\n\r\n`)

  test.each(['Host', 'Authorization'])('two %s lines are refused', async (name) => {
    const { clientId, clientSecret } = resourceServer
    const value = name === 'Host' ? host : basic({ clientId, clientSecret })
    for (const other of [value, 'evil']) {
      const lines = [...(name === 'Host' ? [] : [`Host: ${host}`]), `${name}: ${value}`, `${name}: ${other}`]
      expect((await get(lines.join('\r\n'))).status).toBe(400)
      expect((await get(lines.join('\r\n'), '/v1/auth/verify')).status).toBe(400)
    }
  })

  test('an absolute request target with our own host is ours, whatever the Host header says', async () => {
    const discovery = '/.well-known/openid-configuration'
    expect((await get(`Host: ${host}`, `${gatehouse.url}${discovery}`)).status).toBe(200)
    expect((await get('Host: evil.example', `HTTP://${host}${discovery}?x=1`)).status).toBe(200)
    expect((await get(`Host: ${host}`, `http://evil.example${discovery}`)).status).toBe(421)
    expect((await get(`Host: ${host}`, `http://evil.example@${host}${discovery}`)).status).toBe(421)
    expect((await get(`Host: ${host}`, `ftp://${host}${discovery}`)).status).toBe(421)
  })
})

describe('how a body is written', () => {
  const post = (path: string, type: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`${gatehouse.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': type, authorization: basic(resourceServer), ...headers },
      body: Buffer.from(body, 'latin1'),
    })

  test.each(postedTo.filter(([path]) => !/verify|nowhere|authorize/.test(path)))(
    'for %s: UTF-8, and not compressed',
    async (path, type) => {
      const good = type === form ? 'token=x' : '{}'
      expect((await post(path, `${type}; charset=iso-8859-1`, good)).status).toBe(415)
      expect((await post(path, `${type}; charset="utf-16"`, good)).status).toBe(415)
      expect((await post(path, type, good, { 'content-encoding': 'gzip' })).status).toBe(415)
      expect((await post(path, type, type === form ? 'token=\xff' : '{"email":"\xff"}')).status).toBe(400)
      expect((await post(path, `${type};charset=UTF-8`, good)).status).not.toBe(415)
    },
  )

  test('a form whose escapes are no UTF-8 is refused', async () => {
    expect((await post('/reset-password', form, 'email=%ff')).status).toBe(400)
    expect((await post('/reset-password', form, 'email=%ed%a0%80')).status).toBe(400)
    expect((await post('/reset-password', form, 'email=%EF%BF%BD')).status).toBe(403)
    // A resource server may pass on what its own client has sent.
    expect((await post('/oauth/introspect', form, 'token=x&path=%ff')).status).toBe(200)
  })
})

test('introspection and verify know their methods', async () => {
  const token = await clientToken(gatehouse.url)
  const authorization = `Bearer ${token}`
  const answered = async (method: string, path: string) => {
    const { status, headers } = await send(gatehouse, gatehouse.config.port, {
      method,
      path,
      headers: { authorization },
    })
    return [status, headers.allow]
  }
  for (const method of ['GET', 'DELETE', 'TRACE', 'OPTIONS']) {
    expect(await answered(method, '/oauth/introspect')).toEqual([405, 'POST'])
  }
  for (const method of ['POST', 'DELETE', 'TRACE', 'OPTIONS']) {
    expect(await answered(method, '/v1/auth/verify')).toEqual([405, 'GET, HEAD'])
  }
  expect(await answered('HEAD', '/v1/auth/verify')).toEqual([200, undefined])
})

describe('under https', () => {
  let secure: Gatehouse
  beforeAll(async () => {
    secure = await startGatehouse({ config: { issuer: 'https://id.example' } })
  })
  afterAll(() => secure.stop())

  const get = (path: string, headers: Record<string, string> = {}) =>
    send(secure, secure.config.port, { path, headers })

  test('every answer says so, and keeps its content to itself', async () => {
    const answers = await Promise.all([
      get('/'),
      get('/nowhere'),
      get('/v1/auth/verify'),
      get('/oauth/introspect'),
      get('/', { host: 'evil.example' }),
      get('/', { 'x-long': 'x'.repeat(17_000) }),
      send(secure, secure.config.port, { method: 'POST', path: '/oauth/introspect' }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 401, 405, 421, 431, 401])
    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        'strict-transport-security': 'max-age=63072000; includeSubDomains',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': expect.stringContaining('no-store'),
        'cross-origin-resource-policy': 'same-origin',
        'x-permitted-cross-domain-policies': 'none',
      })
    }
  })

  test('the host may be named with the port of https', async () => {
    expect((await get('/', { host: 'id.example:443' })).status).toBe(200)
    expect((await get('/', { host: 'id.example:80' })).status).toBe(421)
  })
})
