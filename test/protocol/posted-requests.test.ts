import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, redirectUri, startGatehouse } from '#support/gatehouse.ts'
import { discover, enterPassword, signIn } from '#support/relying-party.ts'

/** OpenID Connect Core §3.1.2.1 and RP-Initiated Logout §2: what takes GET takes a form as well. */
describe('a request of a browser that comes as a form', () => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database: availableDatabases()[0]! })
  })
  afterAll(() => gatehouse.stop())

  const post = (path: string, body: string, type = 'application/x-www-form-urlencoded') =>
    fetch(`${gatehouse.url}${path}`, { method: 'POST', redirect: 'manual', body, headers: { 'content-type': type } })

  test('signs in as the same request by GET does', async () => {
    const config = await discover(gatehouse.url)
    const pkceCodeVerifier = client.randomPKCECodeVerifier()
    const expectedState = `${client.randomState()} & more`
    const browser = new Browser((target) => target.port === '8080')
    await browser.post(`${gatehouse.url}/oauth/authorize`, {
      client_id: 'console',
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'openid email',
      state: expectedState,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    })
    await enterPassword(browser, 'grace@globex.test')
    const tokens = await client.authorizationCodeGrant(config, new URL(browser.page.url), {
      pkceCodeVerifier,
      expectedState,
    })
    expect(tokens.claims()).toMatchObject({ email: 'grace@globex.test' })
  })

  test('asks before it signs out, as a link does', async () => {
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    await browser.post(`${gatehouse.url}/oauth/logout`, { client_id: 'console', state: 'x' })
    expect(browser.page.url).toBe(`${gatehouse.url}/oauth/logout?client_id=console&state=x`)
    expect(browser.page.html).toContain('data-test="sign-out"')
  })

  test.each([
    ['a parameter given twice', 'client_id=console&client_id=console', undefined],
    ['another content type', '{"client_id":"console"}', 'application/json'],
    ['more than an address can hold', `client_id=console&state=${'x'.repeat(8_200)}`, undefined],
    ['a secret', 'client_id=console&client_secret=s3cret', undefined],
    ['a password', 'client_id=console&password=s3cret', undefined],
  ])('is refused with %s, and sent nowhere', async (_, body, type) => {
    for (const path of ['/oauth/authorize', '/oauth/logout']) {
      const answer = await post(path, body, type)
      expect([answer.status, answer.headers.get('location')]).toEqual([400, null])
      expect(await answer.text()).not.toContain('s3cret')
    }
  })
})
