import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allowed, claimsOf, connect, newBrowser, signInThrough } from '#support/federation.ts'
import { type IdentityProvider, startIdentityProvider } from '#support/identity-provider.ts'
import { beginSignIn } from '#support/relying-party.ts'
import { openAccount, pathOf } from '#support/signed-in.ts'
import { availableStores, type Deployment, deploy, type Stores } from '#support/wire.ts'

describe.each(availableStores())('signing out at the identity provider as well, on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let okta: IdentityProvider
  let quiet: IdentityProvider

  beforeAll(async () => {
    okta = await startIdentityProvider()
    quiet = await startIdentityProvider()
    deployment = await deploy(store, { config: allowed(okta, quiet) })
    gatehouse = deployment.gatehouse
    await connect(gatehouse, { name: 'okta', organization: 'acme', issuer: okta.issuer, signOut: true })
    await connect(gatehouse, { name: 'quiet', organization: 'acme', issuer: quiet.issuer })
  })
  afterAll(async () => {
    await deployment.stop()
    await okta.stop()
    await quiet.stop()
  })

  async function openAt(name: string) {
    const browser = newBrowser()
    await browser.get(`${gatehouse.url}/o/acme`)
    await browser.submit({ connection: name })
    expect(pathOf(browser)).toBe('/account/profile')
    return browser
  }

  test('from the account pages: there and back', async () => {
    const browser = await openAt('okta')
    expect(browser.page.headers.get('content-security-policy')).toContain(`form-action 'self' ${okta.issuer}`)
    okta.requests.length = 0
    await browser.submit({}, '/account/sign-out')
    expect(okta.requests).toContain('GET /session/end')
    expect(browser.page.url).toContain(okta.issuer)
    const page = new URL(browser.page.url)
    expect(page.searchParams.get('post_logout_redirect_uri')).toBe(`${gatehouse.url}/connections/okta/signed-out`)
    expect(page.searchParams.get('id_token_hint')).toMatch(/^eyJ/)
    await browser.submit({ logout: 'yes' })
    expect(browser.page.url).toBe(`${gatehouse.url}/account/signed-out`)
    await beginSignIn(gatehouse.url, { browser, parameters: { prompt: 'none' } })
    expect(browser.page.url).toContain('error=login_required')
  })

  test('from an application: there, and on to where the application wanted', async () => {
    const flow = await signInThrough(gatehouse, 'okta', { parameters: { organization: 'acme' } })
    const tokens = await flow.redeem()
    const { browser } = flow
    const url = new URL(`${gatehouse.url}/oauth/logout`)
    url.search = new URLSearchParams({
      id_token_hint: tokens.id_token!,
      post_logout_redirect_uri: 'http://localhost:8080/',
      state: 'x',
    }).toString()
    await browser.get(url)
    expect(browser.page.headers.get('content-security-policy')).toContain(okta.issuer)
    await browser.submit({ logout: 'yes' })
    expect(browser.page.url).toContain(`${okta.issuer}/session/end`)
    // signed out here already, whatever happens there
    const copy = newBrowser()
    for (const name of browser.cookieNames()) copy.setCookie(name, browser.cookie(name)!)
    await beginSignIn(gatehouse.url, { browser: copy, parameters: { prompt: 'none' } })
    expect(copy.page.url).toContain('error=login_required')
    await browser.submit({ logout: 'yes' })
    expect(browser.page.url).toBe('http://localhost:8080/?state=x')
  })

  test('not where the connection does not ask for it, nor after a password', async () => {
    const browser = await openAt('quiet')
    expect(browser.page.headers.get('content-security-policy')).not.toContain(quiet.issuer)
    await browser.submit({}, '/account/sign-out')
    expect(browser.page.url).toBe(`${gatehouse.url}/account/signed-out`)
    const other = await openAccount(gatehouse, { browser: newBrowser(), email: 'grace@globex.test' })
    await other.submit({}, '/account/sign-out')
    expect(other.page.url).toBe(`${gatehouse.url}/account/signed-out`)
  })

  test('a provider that is down keeps nobody signed in', async () => {
    const browser = await openAt('okta')
    okta.lies = { answer: { '/token': (response) => void response.writeHead(500).end() } }
    await signInThrough(gatehouse, 'okta', { parameters: { organization: 'acme' } }) // forgets what it knew of it
    await okta.down()
    await browser.submit({}, '/account/sign-out')
    expect(browser.page.url).toBe(`${gatehouse.url}/account/signed-out`)
    await okta.up()
    okta.lies = {}
  })

  test('nobody is sent anywhere by a return that they did not begin', async () => {
    for (const query of ['', '?state=x', '?state=x&location=https://evil.example']) {
      const browser = newBrowser()
      await browser.get(`${gatehouse.url}/connections/okta/signed-out${query}`)
      expect(browser.page.url).toBe(`${gatehouse.url}/account/signed-out`)
    }
  })

  test('no id token is stored in plain', async () => {
    await claimsOf(await signInThrough(gatehouse, 'okta', { parameters: { organization: 'acme' } }))
    const state = await gatehouse.database.db.selectFrom('protocolState').select('payload').execute()
    expect(JSON.stringify(state)).not.toMatch(/eyJ[\w-]+\.eyJ/)
  })
})
