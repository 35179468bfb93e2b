import { connect } from 'node:net'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { basic, redirectUri, serviceAccount } from '#support/gatehouse.ts'
import { beginSignIn, signIn } from '#support/relying-party.ts'
import {
  availableStores,
  type Deployment,
  deploy,
  type Fields,
  postForm,
  requestToken,
  type Stores,
  send,
} from '#support/wire.ts'

const stores = availableStores().filter(({ redis }) => !redis)

describe.each(stores)('what a request may contain, on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']

  beforeAll(async () => {
    deployment = await deploy(store)
    gatehouse = deployment.gatehouse
  })
  afterAll(async () => {
    expect(gatehouse.logLines.filter((line) => JSON.parse(line).level >= 50)).toEqual([])
    await deployment.stop()
  })

  const get = (path: string, headers: Record<string, string> = {}) =>
    send(gatehouse, gatehouse.config.port, { path, headers })

  /** Bytes as they are, since no HTTP client would send them. @returns the status, or 0 when the connection is cut */
  function raw(bytes: string): Promise<number> {
    return new Promise((resolve) => {
      const socket = connect(gatehouse.config.port, '127.0.0.1', () => socket.end(bytes))
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk
      })
      socket.on('error', () => resolve(0))
      socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)))
    })
  }

  test.each(['evil.example', 'localhost', 'localhost:1', 'LOCALHOST.evil.example'])(
    'the host %j is not ours: 421, on every path',
    async (host) => {
      for (const path of ['/', '/.well-known/openid-configuration', '/oauth/authorize', '/oauth/introspect', '/x']) {
        const answer = await get(path, { host })
        expect(answer.status).toBe(421)
        expect(answer.text).not.toContain('evil')
      }
    },
  )

  test('no header of a request reaches an address that we print', async () => {
    const forged = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'gopher',
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-port': '666',
      'x-original-url': '/evil',
      forwarded: 'host=evil.example;proto=gopher',
    }
    for (const name of ['openid-configuration', 'oauth-authorization-server']) {
      const answer = await get(`/.well-known/${name}`, forged)
      expect(answer.status).toBe(200)
      expect(answer.json.issuer).toBe(gatehouse.url)
      for (const [member, value] of Object.entries(answer.json)) {
        if (/_endpoint$|_uri$/.test(member)) expect(String(value).startsWith(`${gatehouse.url}/`)).toBe(true)
      }
      expect(answer.text).not.toMatch(/evil|gopher|666/)
    }
    const { headers, text } = await get('/oauth/authorize?client_id=console', forged)
    expect(`${JSON.stringify(headers)}${text}`).not.toMatch(/evil|gopher|666/)
  })

  test('an absolute request target, and lines that are no HTTP, are refused', async () => {
    const { host } = new URL(gatehouse.url)
    for (const target of ['http://evil.example/', 'evil.example:80', '*']) {
      const status = await raw(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      expect([target, status === 421 || status === 400]).toEqual([target, true])
    }
    const smuggled = 'Content-Length: 3\r\nTransfer-Encoding: chunked'
    for (const lines of [
      'GET / HTTP/1.1\r\nConnection: close',
      `POST /oauth/token HTTP/1.1\r\nHost: ${host}\r\n${smuggled}`,
      `GET / HTTP/1.1\r\nHost: ${host}\r\nX: a\0b`,
      'nonsense',
    ]) {
      expect(await raw(`${lines}\r\n\r\n`)).toBe(400)
    }
  })

  test('headers above 16 KB are refused', async () => {
    expect((await get('/', { 'x-long': 'x'.repeat(12_000) })).status).toBe(200)
    expect((await get('/', { 'x-long': 'x'.repeat(17_000) })).status).toBe(431)
  })

  const formPaths = [
    '/oauth/token',
    '/oauth/revoke',
    '/oauth/introspect',
    '/oauth/par',
    '/oauth/device_authorization',
    '/oauth/logout/confirm',
    '/device',
    '/interaction/abcdefghijklmnopqrstu/login',
  ]

  test.each(formPaths)('a body above 64 KB is refused by %s, announced or not', async (path) => {
    const authorization = basic(serviceAccount)
    const answer = await postForm(gatehouse, path, { x: 'x'.repeat(66_000) }, { headers: { authorization } })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
    const chunked = await postForm(
      gatehouse,
      path,
      { x: 'x'.repeat(66_000) },
      { headers: { authorization, 'transfer-encoding': 'chunked' } },
    )
    expect(chunked.status).toBe(answer.status)
  })

  test('a parameter given twice is refused', async () => {
    const once: [string, string][] = [
      ['grant_type', 'client_credentials'],
      ['scope', 'configuration-items:read'],
    ]
    const headers = { authorization: basic(serviceAccount) }
    expect((await postForm(gatehouse, '/oauth/token', once, { headers })).status).toBe(200)
    for (const repeated of once) {
      const answer = await postForm(gatehouse, '/oauth/token', [...once, repeated], { headers })
      expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_request' } })
    }
    const query = new URLSearchParams({ client_id: 'console', redirect_uri: redirectUri, response_type: 'code' })
    query.append('scope', 'openid')
    query.append('scope', 'openid')
    const { status, headers: answered } = await get(`/oauth/authorize?${query}`)
    expect([status, answered.location]).toEqual([303, expect.stringContaining('error=invalid_request')])
    const { browser } = await beginSignIn(gatehouse.url)
    const csrf = browser.hidden('_csrf')!
    const cookie = browser.cookieNames().map((name) => `${name}=${browser.cookie(name)}`)
    const twice: Fields = [
      ['_csrf', csrf],
      ['email', 'ada@acme.test'],
      ['email', 'grace@globex.test'],
    ]
    const path = `${new URL(browser.page.url).pathname}/login`
    expect((await postForm(gatehouse, path, twice, { headers: { cookie: cookie.join('; ') } })).status).toBe(400)
  })

  // What PostgreSQL's text cannot hold, what log lines must not, and what URLs trip over.
  const strange = ['a\0b', '\u0001\u001b[2J', '\ud800', 'a\r\nSet-Cookie: x=y', '__proto__', 'x'.repeat(3000)]

  test.each(strange)('%j as any parameter of an authorization request is no server error', async (value) => {
    const good = {
      client_id: 'console',
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    }
    const more = [
      'state',
      'nonce',
      'organization',
      'login_hint',
      'resource',
      'prompt',
      'max_age',
      'ui_locales',
      'claims',
    ]
    const names = [...Object.keys(good), ...more, 'id_token_hint', 'request_uri', 'request', 'acr_values']
    const ask = async (name: string) => {
      const browser = new Browser((url) => url.port === '8080')
      await browser.get(`${gatehouse.url}/oauth/authorize?${new URLSearchParams({ ...good, [name]: value })}`)
      return [name, browser.page.status < 500]
    }
    expect(await Promise.all(names.map(ask))).toEqual(names.map((name) => [name, true]))
  })

  test.each(strange)('%j as any field of a form is no server error', async (value) => {
    const forms: [string, string[]][] = [
      ['/oauth/token', ['grant_type', 'client_id', 'client_secret', 'scope', 'resource', 'code', 'refresh_token']],
      ['/oauth/revoke', ['token', 'token_type_hint', 'client_id']],
      ['/oauth/introspect', ['token', 'ip', 'user_agent', 'method', 'path', 'client_id']],
      ['/oauth/par', ['client_id', 'scope', 'resource', 'organization', 'state']],
      ['/oauth/device_authorization', ['client_id', 'scope', 'resource', 'organization']],
    ]
    const basics = {
      '/oauth/token': { grant_type: 'client_credentials' },
      '/oauth/introspect': { token: 'x' },
    } as Record<string, Record<string, string>>
    for (const [path, names] of forms) {
      for (const name of names) {
        const identified: Record<string, string> = name.startsWith('client')
          ? {}
          : { authorization: basic(serviceAccount) }
        const answer = await postForm(gatehouse, path, { ...basics[path], [name]: value }, { headers: identified })
        expect([path, name, answer.status < 500]).toEqual([path, name, true])
      }
    }
  })

  test.each(strange)('%j as e-mail address, password or organization is no server error', async (value) => {
    const { browser } = await beginSignIn(gatehouse.url, { parameters: { organization: value } })
    const fields = { _csrf: browser.hidden('_csrf')! }
    const login = `${browser.page.url}/login`
    const answered: Record<string, string>[] = [
      { email: value },
      { email: `${value}@acme.test` },
      { email: `${value}@acme.test`, password: value },
      { email: 'ada@acme.test', password: value },
    ]
    for (const answers of answered) {
      await browser.post(login, { ...fields, ...answers }, { 'user-agent': 'Testé/1.0' })
      expect([answers, browser.page.status < 500]).toEqual([answers, true])
    }
  })

  test('what a client may put into a request and we keep for its tokens can be anything', async () => {
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    const claims = JSON.stringify({ userinfo: { name: null, 'a\0b': null }, id_token: { email: { value: 'a\0b' } } })
    const odd = { nonce: 'a\0b\ud800', state: 'a\0b', claims, login_hint: '\0', ui_locales: 'a\0b' }
    const flow = await beginSignIn(gatehouse.url, { browser, parameters: odd })
    const answer = await requestToken(gatehouse, {
      grant_type: 'authorization_code',
      code: new URL(flow.browser.page.url).searchParams.get('code') ?? '',
      code_verifier: flow.codeVerifier,
      redirect_uri: redirectUri,
    })
    expect(answer.status).toBe(200)
    const again = { grant_type: 'refresh_token', refresh_token: String(answer.json.refresh_token) }
    const refreshed = await requestToken(gatehouse, again)
    expect(refreshed.status).toBe(200)
    expect(decodeJwt(String(refreshed.json.id_token)).nonce).toBe(decodeJwt(String(answer.json.id_token)).nonce)
  })

  test.each(['DELETE', 'PUT', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND', 'POST'])(
    'the method %s is no server error anywhere',
    async (method) => {
      const paths = ['/', '/oauth/authorize', '/oauth/token', '/oauth/jwks', '/oauth/userinfo', '/device', '/healthz']
      for (const path of [...paths, '/oauth/introspect', '/interaction/abcdefghijklmnopqrstu', '/nowhere']) {
        const { status } = await send(gatehouse, gatehouse.config.port, { method, path })
        expect([path, status < 500]).toEqual([path, true])
      }
    },
  )

  test.each([
    '//evil.example',
    '//evil.example/oauth/authorize',
    '/\\evil.example',
    '/%2f%2fevil.example',
    '/%',
    '/%ff',
    '/%00',
    '/..%2f..%2fetc/passwd',
    '/assets/../../package.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/interaction/%00',
    '/interaction/abc%0d%0aSet-Cookie:x=y/login',
    '/oauth/authorize/',
    '/oauth/authorize/abcdefghijklmnopqrstu',
    '/device/abcdefghijklmnopqrstu',
    '/?x=%',
    '/interaction/__proto__',
  ])('the path %s leads nowhere', async (path) => {
    const answer = await get(path, { accept: 'text/html' })
    expect(answer.status).toBeLessThan(500)
    expect(answer.headers.location ?? '').not.toContain('evil')
    expect(answer.text).not.toContain('"devDependencies"')
    expect(answer.headers).toHaveProperty('content-security-policy')
  })

  test('every page comes with the policy, also those of the library', async () => {
    const { browser: login } = await beginSignIn(gatehouse.url)
    const pages = [login.page]
    for (const path of ['/', '/device', '/oauth/logout', '/oauth/logout/success', '/nowhere', '/oauth/authorize']) {
      const browser = new Browser()
      pages.push(await browser.get(`${gatehouse.url}${path}`))
    }
    const { browser: formPost } = await beginSignIn(gatehouse.url, {
      parameters: { response_mode: 'form_post', prompt: 'none' },
    })
    pages.push(formPost.page)
    expect(formPost.page.html).toContain('login_required')
    for (const { url, headers } of pages) {
      const policy = headers.get('content-security-policy') ?? ''
      expect([url, policy]).toEqual([url, expect.stringContaining("frame-ancestors 'none'")])
      expect(policy).toContain("base-uri 'none'")
      expect(policy).not.toContain('unsafe-inline')
      expect(policy).toMatch(/form-action 'self'/)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('cache-control')).toContain('no-store')
    }
  })

  test('only public endpoints may be called from other origins, and never with cookies', async () => {
    const origin = 'https://elsewhere.example'
    for (const path of ['/.well-known/openid-configuration', '/oauth/jwks']) {
      const { headers } = await get(path, { origin })
      expect(headers['access-control-allow-origin']).toBe(origin)
      expect(headers).not.toHaveProperty('access-control-allow-credentials')
    }
    for (const path of ['/', '/device', '/oauth/logout', '/oauth/authorize?client_id=console']) {
      expect((await get(path, { origin })).headers).not.toHaveProperty('access-control-allow-origin')
    }
  })
})
