import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '#support/free-port.ts'
import { redirectUri, resourceServer } from '#support/gatehouse.ts'
import { beginSignIn, enterPassword, signIn } from '#support/relying-party.ts'
import { availableStores, type Deployment, deploy, isActive, type Stores } from '#support/wire.ts'

describe.each(availableStores())('signing out on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let receiver: Server
  let internal: Server
  let received: (logoutToken: string) => Promise<void> | void

  beforeAll(async () => {
    receiver = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      await received(new URLSearchParams(body).get('logout_token') ?? '')
      response.writeHead(204).end()
    }).listen(0, '127.0.0.1')
    await once(receiver, 'listening')
    const { port } = receiver.address() as AddressInfo
    internal = createServer((_, response) => {
      received('')
      response.writeHead(204).end()
    }).listen(0, '127.0.0.1')
    await once(internal, 'listening')
    const internalPort = (internal.address() as AddressInfo).port
    deployment = await deploy(store, { config: { outboundAllowedHosts: [`127.0.0.1:${port}`] } })
    gatehouse = deployment.gatehouse
    await gatehouse.apply(`clients:
${listening('told', `http://127.0.0.1:${port}/backchannel`)}
${listening('not-told', `http://localhost:${port}/backchannel`)}
${listening('not-told-either', `http://127.0.0.1:${internalPort}/backchannel`)}
${listening('not-there', `http://127.0.0.1:${await freePort()}/backchannel`)}`)
  })
  afterEach(() => {
    received = () => {}
  })
  afterAll(async () => {
    receiver.close()
    internal.close()
    await deployment.stop()
  })

  const listening = (clientId: string, uri: string) => `  - client_id: ${clientId}
    first_party: true
    redirect_uris: [${redirectUri}]
    token_endpoint_auth_method: none
    grant_types: [authorization_code, refresh_token]
    backchannel_logout_uri: ${uri}
    backchannel_logout_session_required: true`

  const signInGrace = (options: Parameters<typeof signIn>[1] = {}) =>
    signIn(gatehouse.url, { email: 'grace@globex.test', ...options })

  async function isSignedIn(browser: Awaited<ReturnType<typeof signIn>>['browser']) {
    await beginSignIn(gatehouse.url, { browser, parameters: { prompt: 'none' } })
    return new URL(browser.page.url).searchParams.has('code')
  }

  test('sign-outs at the same moment tell a client once', async () => {
    const tokens: string[] = []
    received = (token) => void tokens.push(token)
    const { browser } = await signInGrace({ clientId: 'told' })
    await browser.get(`${gatehouse.url}/oauth/logout`)
    const body = new URLSearchParams({ xsrf: browser.hidden('xsrf')!, logout: 'yes' })
    const headers = { cookie: browser.cookiesFor('/oauth/logout/confirm') }
    const confirm = () =>
      fetch(`${gatehouse.url}/oauth/logout/confirm`, { method: 'POST', body, headers, redirect: 'manual' })
    await Promise.all(Array.from({ length: 8 }, confirm))
    expect(tokens).toHaveLength(1)
  })

  test('without an id_token_hint a page asks, and only its own form signs out', async () => {
    // S0-10
    const { browser, tokens } = await signInGrace()
    await browser.get(`${gatehouse.url}/oauth/logout`)
    expect(browser.page.html).toContain('data-test="sign-out"')
    expect(await isActive(gatehouse, tokens.access_token)).toBe(true)
    expect(await isSignedIn(browser)).toBe(true)

    const confirm = `${gatehouse.url}/oauth/logout/confirm`
    await browser.get(`${gatehouse.url}/oauth/logout`)
    for (const fields of [{ logout: 'yes' }, { logout: 'yes', xsrf: 'x'.repeat(48) }] as Record<string, string>[]) {
      await browser.post(confirm, fields)
      expect(browser.page.status).toBe(400)
    }
    await browser.get(`${confirm}?logout=yes`)
    expect(browser.page.status).toBe(405)
    expect(await isSignedIn(browser)).toBe(true)
    expect(await isActive(gatehouse, tokens.refresh_token!)).toBe(true)

    await browser.get(`${gatehouse.url}/oauth/logout`)
    await browser.submit({ logout: 'yes' })
    expect(browser.page.html).toContain('data-test="signed-out"')
    expect(await isSignedIn(browser)).toBe(false)
    expect(await isActive(gatehouse, tokens.access_token)).toBe(false)
    expect(await isActive(gatehouse, tokens.refresh_token!)).toBe(false)
  })

  test('a person who decides to stay keeps the session', async () => {
    const { browser, tokens } = await signInGrace()
    await browser.get(`${gatehouse.url}/oauth/logout`)
    await browser.submit()
    expect(await isSignedIn(browser)).toBe(true)
    expect(await isActive(gatehouse, tokens.access_token)).toBe(true)
  })

  test('the session cookie of somebody who signed out is dead on every node', async () => {
    const { browser } = await signInGrace()
    const stolen = browser.cookieNames().map((name) => [name, browser.cookie(name)!] as const)
    await browser.get(`${gatehouse.url}/oauth/logout`)
    await browser.submit({ logout: 'yes' })
    for (const [name, value] of stolen) browser.setCookie(name, value)
    expect(await isSignedIn(browser)).toBe(false)
  })

  test('a post_logout_redirect_uri that is not registered is refused, or ignored where no client is named', async () => {
    const { browser, tokens } = await signInGrace()
    const evil = { post_logout_redirect_uri: 'https://evil.example/' }
    const hinted = new URLSearchParams({ ...evil, id_token_hint: tokens.id_token! })
    await browser.get(`${gatehouse.url}/oauth/logout?${hinted}`)
    expect(browser.page.status).toBe(400)
    await browser.get(`${gatehouse.url}/oauth/logout?${new URLSearchParams(evil)}`)
    await browser.submit({ logout: 'yes' })
    expect(browser.page.url).toBe(`${gatehouse.url}/oauth/logout/success`)
  })

  test('a client is told in the background, with a token that verifies, after its tokens have died', async () => {
    const { browser, tokens, config } = await signInGrace({ clientId: 'told' })
    const logoutTokens: string[] = []
    const aliveWhenTold: boolean[] = []
    received = async (logoutToken) => {
      aliveWhenTold.push(await isActive(gatehouse, tokens.access_token))
      logoutTokens.push(logoutToken)
    }
    await browser.get(client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token! }))
    await browser.submit({ logout: 'yes' })
    expect(logoutTokens).toHaveLength(1)
    expect(aliveWhenTold).toEqual([false])
    const jwks = createRemoteJWKSet(new URL(`${gatehouse.url}/oauth/jwks`))
    const options = { issuer: gatehouse.url, audience: 'told', typ: 'logout+jwt' }
    const { payload } = await jwtVerify(logoutTokens[0]!, jwks, options)
    expect(payload).toMatchObject({
      sid: expect.any(String),
      jti: expect.any(String),
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    })
    expect(payload).not.toHaveProperty('nonce')
    // it is no access token, and opens nothing
    expect((await gatehouse.introspect(logoutTokens[0]!, {}, resourceServer)).text).toBe('{"active":false}')
  })

  test('no private address is told that the operator has not allowed, and one that is down stops nobody', async () => {
    const { browser } = await signInGrace({ clientId: 'not-told' })
    await signInGrace({ clientId: 'not-told-either', browser })
    await signInGrace({ clientId: 'not-there', browser })
    let told = 0
    received = () => void told++
    await browser.get(`${gatehouse.url}/oauth/logout`)
    await browser.submit({ logout: 'yes' })
    expect(browser.page.html).toContain('data-test="signed-out"')
    expect(told).toBe(0)
    expect(await isSignedIn(browser)).toBe(false)
    expect(gatehouse.logLines.filter((line) => line.includes('back-channel logout failed'))).toHaveLength(3)
  })

  test('signing out as one person leaves the other one on the same machine alone', async () => {
    const [one, other] = [await signInGrace(), await signInGrace()]
    await one.browser.get(`${gatehouse.url}/oauth/logout`)
    await one.browser.submit({ logout: 'yes' })
    expect(await isSignedIn(other.browser)).toBe(true)
    expect(await isActive(gatehouse, other.tokens.access_token)).toBe(true)
    await enterPassword((await beginSignIn(gatehouse.url, { browser: one.browser })).browser, 'grace@globex.test')
    expect(new URL(one.browser.page.url).searchParams.has('code')).toBe(true)
  })
})
