import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { availableDatabases } from '#support/databases.ts'
import { confidentialClient, type Gatehouse, redirectUri, startGatehouse } from '#support/gatehouse.ts'
import { beginSignIn, discover, enterPassword, pickOrganization, signIn } from '#support/relying-party.ts'

describe.each(availableDatabases())('the authorization code flow on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
  })
  afterAll(() => gatehouse.stop())

  test('a person with one organization is asked nothing but who they are', async () => {
    // S2-09
    const { tokens } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    expect(tokens.claims()).toMatchObject({ org_slug: 'globex', org_name: 'Globex', email: 'grace@globex.test' })
    expect(tokens.expires_in).toBe(900) // S2-40
  })

  test('a person with two organizations chooses, and the tokens carry the choice', async () => {
    // S2-08
    const flow = await beginSignIn(gatehouse.url)
    await enterPassword(flow.browser, 'ada@acme.test')
    expect(flow.browser.page.html).toContain('Acme Corporation')
    expect(flow.browser.page.html).toContain('Globex')
    await pickOrganization(flow.browser, 'acme')
    const tokens = await flow.redeem()
    expect(tokens.claims()).toMatchObject({ org_slug: 'acme', org_id: expect.stringMatching(/^org_/) })
    const userinfo = await client.fetchUserInfo(flow.config, tokens.access_token, tokens.claims()!.sub)
    expect(userinfo).toMatchObject({ org_slug: 'acme', name: 'Ada', email: 'ada@acme.test', email_verified: true })
  })

  test('organization= picks by slug or id without a chooser', async () => {
    const bySlug = await signIn(gatehouse.url, { parameters: { organization: 'globex' } })
    const claims = bySlug.tokens.claims()!
    expect(claims.org_slug).toBe('globex')
    const byId = await signIn(gatehouse.url, { parameters: { organization: String(claims.org_id) } })
    expect(byId.tokens.claims()).toMatchObject({ org_slug: 'globex' })
  })

  test.each(['globex-that-is-not', 'acme'])(
    'organization=%s of which one is no member is access_denied',
    async (slug) => {
      const flow = await beginSignIn(gatehouse.url, { parameters: { organization: slug } })
      await enterPassword(flow.browser, 'grace@globex.test')
      expect(new URL(flow.browser.page.url).searchParams.get('error')).toBe('access_denied')
    },
  )

  test('a person without an organization sees a page that says so, and gets no code', async () => {
    const { browser } = await beginSignIn(gatehouse.url)
    await enterPassword(browser, 'nobody@example.test')
    expect(browser.page.status).toBe(200)
    expect(browser.page.html).toMatch(/organization/i)
    expect(browser.page.html).not.toContain('name="organization"')
  })

  test('a superadmin may act in an organization without belonging to it', async () => {
    // S0-31
    const { tokens } = await signIn(gatehouse.url, {
      email: 'root@example.test',
      parameters: { organization: 'acme' },
    })
    const { json } = await gatehouse.introspect(tokens.access_token)
    expect(json).toMatchObject({
      active: true,
      superadmin: true,
      org_slug: 'acme',
      permissions: ['*'],
      data_scopes: [{ source: null, scope_id: null }],
    })
  })

  test('one session holds different organizations in two tabs', async () => {
    const first = await signIn(gatehouse.url, { pick: 'acme' })
    const second = await signIn(gatehouse.url, { browser: first.browser, pick: 'globex' })
    expect((await gatehouse.introspect(first.tokens.access_token)).json).toMatchObject({ org_slug: 'acme' })
    expect((await gatehouse.introspect(second.tokens.access_token)).json).toMatchObject({ org_slug: 'globex' })
  })

  test('a client that is not first-party asks for consent and gets only the permissions in its scope', async () => {
    const flow = await beginSignIn(gatehouse.url, {
      ...confidentialClient,
      parameters: { scope: 'openid configuration-items:read', organization: 'acme' },
    })
    await enterPassword(flow.browser, 'ada@acme.test')
    expect(flow.browser.page.html).toContain('Web application')
    expect(flow.browser.page.html).toContain('See configuration items')
    await flow.browser.submit({}, '/consent')
    const tokens = await flow.redeem()
    const { json } = await gatehouse.introspect(tokens.access_token)
    expect(json.permissions).toEqual(['configuration-items:read'])
    expect(json.data_scopes).toEqual([
      { source: 'kubernetes', scope_id: 'prod-cluster' },
      { source: 'proxmox', scope_id: null },
    ])
    // what was given in this session is not asked again
    const again = await beginSignIn(gatehouse.url, {
      ...confidentialClient,
      browser: flow.browser,
      parameters: { scope: 'openid configuration-items:read', organization: 'acme' },
    })
    expect(new URL(again.browser.page.url).searchParams.get('code')).toBeTruthy()
  })

  test('denying consent sends access_denied to the client', async () => {
    const { browser } = await beginSignIn(gatehouse.url, {
      ...confidentialClient,
      parameters: { organization: 'acme' },
    })
    await enterPassword(browser, 'ada@acme.test')
    await browser.submit({}, '/abort')
    expect(new URL(browser.page.url).searchParams.get('error')).toBe('access_denied')
  })

  test('every authorization response carries iss, and prompt=none needs a session', async () => {
    const { browser } = await beginSignIn(gatehouse.url, { parameters: { prompt: 'none' } })
    const answer = new URL(browser.page.url).searchParams
    expect(answer.get('error')).toBe('login_required')
    expect(answer.get('iss')).toBe(gatehouse.url)
  })

  test('HEAD issues no code, though the same request by GET would', async () => {
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    const url = new URL('/oauth/authorize', gatehouse.url)
    url.search = new URLSearchParams({
      client_id: 'console',
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    }).toString()
    const headers = { cookie: browser.cookiesFor(url.pathname) }
    const answer = await fetch(url, { method: 'HEAD', headers, redirect: 'manual' })
    expect([answer.status, answer.headers.get('location'), answer.headers.get('allow')]).toEqual([
      405,
      null,
      'GET, POST',
    ])
    const asked = await fetch(url, { headers, redirect: 'manual' })
    expect(asked.headers.get('location')).toContain('code=')
  })

  test('prompt=login and max_age ask again although there is a session', async () => {
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    const silent = await beginSignIn(gatehouse.url, { browser })
    expect(new URL(silent.browser.page.url).searchParams.get('code')).toBeTruthy()
    const again = await beginSignIn(gatehouse.url, { browser, parameters: { prompt: 'login' } })
    expect(again.browser.page.html).toContain('name="email"')
  })

  test('PKCE with S256 is required of every client', async () => {
    const { url } = gatehouse
    const flow = await beginSignIn(url, { email: 'grace@globex.test' })
    for (const drop of [{ code_challenge: undefined }, { code_challenge_method: 'plain' }]) {
      const request = new URL(`${url}/oauth/authorize`)
      const parameters = { client_id: 'console', redirect_uri: redirectUri, response_type: 'code', scope: 'openid' }
      for (const [name, value] of Object.entries({ ...parameters, code_challenge: 'x'.repeat(43), ...drop })) {
        if (value) request.searchParams.set(name, value)
      }
      await flow.browser.get(request)
      expect(new URL(flow.browser.page.url).searchParams.get('error')).toBe('invalid_request')
    }
  })

  test('an unregistered redirect_uri is our own error page, never a redirect', async () => {
    const { browser } = await beginSignIn(gatehouse.url, { parameters: { redirect_uri: 'https://evil.example/' } })
    expect(browser.page.status).toBe(400)
    expect(browser.page.url).toContain(gatehouse.url)
    expect(browser.page.html).toContain('data-test="error"')
    expect(browser.page.html).not.toContain('https://evil.example')
  })

  test('a pushed authorization request is used once', async () => {
    const config = await discover(gatehouse.url, confidentialClient.clientId, confidentialClient.clientSecret)
    const url = await client.buildAuthorizationUrlWithPAR(config, {
      redirect_uri: redirectUri,
      scope: 'openid',
      organization: 'globex',
      code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
      code_challenge_method: 'S256',
    })
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    await browser.get(url)
    await browser.submit({}, '/consent')
    expect(new URL(browser.page.url).searchParams.get('code')).toBeTruthy()
    await browser.get(url)
    expect(browser.page.url).not.toContain('code=')
  })

  test('RP-initiated logout ends the session, its tokens and its refresh tokens in every organization', async () => {
    // S0-10
    const first = await signIn(gatehouse.url, { pick: 'acme' })
    const second = await signIn(gatehouse.url, { browser: first.browser, pick: 'globex' })
    const url = client.buildEndSessionUrl(first.config, {
      post_logout_redirect_uri: 'http://localhost:8080/',
      id_token_hint: second.tokens.id_token!,
      state: 'xyz',
    })
    await first.browser.get(url)
    await first.browser.submit({ logout: 'yes' })
    expect(first.browser.page.url).toBe('http://localhost:8080/?state=xyz')
    for (const { tokens } of [first, second]) {
      expect((await gatehouse.introspect(tokens.access_token)).text).toBe('{"active":false}')
      expect((await gatehouse.introspect(tokens.refresh_token!)).text).toBe('{"active":false}')
    }
    const again = await beginSignIn(gatehouse.url, { browser: first.browser })
    expect(again.browser.page.html).toContain('name="email"')
  })
})
