import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { authenticate } from '#support/api-requests.ts'
import { availableDatabases } from '#support/databases.ts'
import {
  allowed,
  claimsOf,
  connect,
  isAtRelyingParty,
  newBrowser,
  pressConnection,
  signInThrough,
} from '#support/federation.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { type IdentityProvider, startIdentityProvider } from '#support/identity-provider.ts'
import { beginSignIn, enterPassword, pickOrganization } from '#support/relying-party.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

describe.each(availableDatabases())('an organization that requires its own identity provider, on %s', (database) => {
  let gatehouse: Gatehouse
  let okta: IdentityProvider
  const ada = { sub: 'ada', name: 'Ada', email: 'ada@acme.test', email_verified: true }

  beforeAll(async () => {
    okta = await startIdentityProvider()
    gatehouse = await startGatehouse({ database, config: allowed(okta) })
    await connect(gatehouse, { name: 'acme-okta', organization: 'acme', issuer: okta.issuer, displayName: 'Okta' })
    await connect(gatehouse, { name: 'shared', issuer: okta.issuer, jit: false })
    await signInThrough(gatehouse, 'acme-okta', { parameters: { organization: 'acme' } })
  })
  beforeEach(async () => {
    okta.person = ada
    okta.asked.length = 0
    await require(true)
  })
  afterAll(async () => {
    await gatehouse.stop()
    await okta.stop()
  })

  const require = (required: boolean) =>
    gatehouse.database.db.updateTable('connections').set({ required }).where('name', '=', 'acme-okta').execute()
  const begin = (parameters: Record<string, string> = {}, browser = newBrowser()) =>
    beginSignIn(gatehouse.url, { browser, parameters })

  test('an address of its domain goes straight to the provider, known or not', async () => {
    // S2-10
    for (const email of ['ada@acme.test', 'nobody-knows-me@ACME.test']) {
      okta.person = { sub: `x-${email}`, name: 'X', email, email_verified: true }
      okta.asked.length = 0
      const { browser } = await begin()
      expect(browser.page.headers.get('content-security-policy')).toMatch(/form-action [^;]*https:/)
      await browser.submit({ email })
      expect(okta.asked[0]?.get('login_hint')).toBe(email)
    }
  })

  test('an address of another domain is asked for its password, known or not', async () => {
    for (const email of ['grace@globex.test', 'nobody-knows-me@globex.test']) {
      const { browser } = await begin()
      await browser.submit({ email })
      expect(browser.page.html).toContain('data-test="password"')
      expect(browser.page.html).not.toContain('data-test="connection-acme-okta"')
    }
    expect(okta.asked).toEqual([])
  })

  test('its own page offers its provider and no password', async () => {
    // S0-03, S2-06
    const browser = newBrowser()
    await browser.get(`${gatehouse.url}/o/acme`)
    expect(browser.page.html).toContain('data-test="connection-acme-okta"')
    expect(browser.page.html).not.toContain('data-test="connection-shared"')
    expect(browser.page.html).not.toContain('name="email"')
    await browser.submit({ connection: 'acme-okta' })
    expect(pathOf(browser)).toBe('/account/profile')
    expect(textOf(browser, 'organization-name')).toBe('Acme Corporation')
    expect(okta.asked).toHaveLength(1)
  })

  test('a password signs nobody in to it, and leads to the provider', async () => {
    const { browser, redeem } = await begin({ organization: 'acme' })
    expect(browser.page.html).toContain('data-test="connection-acme-okta"')
    await browser.get(`${browser.page.url}?way=password`)
    await enterPassword(browser, 'ada@acme.test')
    expect(browser.page.html).toContain('data-test="sso-required"')
    expect(browser.page.html).toContain('Acme Corporation')
    await pressConnection(browser, 'acme-okta')
    expect((await redeem()).claims()).toMatchObject({ org_slug: 'acme' })
  })

  test('the same password still signs the same person in to another organization', async () => {
    const { browser, redeem } = await begin({ organization: 'globex' })
    await enterPassword(browser, 'ada@acme.test')
    expect((await redeem()).claims()).toMatchObject({ org_slug: 'globex' })
    // and switching over asks for the provider, which then is enough for the session
    const over = await begin({ organization: 'acme' }, browser)
    expect(browser.page.html).toContain('data-test="sso-required"')
    await pressConnection(browser, 'acme-okta')
    expect((await over.redeem()).claims()).toMatchObject({ org_slug: 'acme' })
    for (const organization of ['globex', 'acme']) {
      await begin({ organization }, browser)
      expect([organization, isAtRelyingParty(browser)]).toEqual([organization, true])
    }
  })

  test('who picks it in the chooser goes on at its provider', async () => {
    const { browser, redeem } = await begin()
    await browser.get(`${browser.page.url}?way=password`)
    await enterPassword(browser, 'ada@acme.test')
    await pickOrganization(browser, 'acme')
    expect(browser.page.html).toContain('data-test="sso-required"')
    await pressConnection(browser, 'acme-okta')
    expect((await redeem()).claims()).toMatchObject({ org_slug: 'acme' })
  })

  test('switched on while somebody is signed in by password, it asks at once', async () => {
    await require(false)
    const browser = await openAccount(gatehouse, { browser: newBrowser() })
    expect(pathOf(browser)).toBe('/account/profile')
    await require(true)
    await browser.get(`${gatehouse.url}/account/profile`)
    expect(browser.page.url).toContain('/interaction/')
    await begin({ organization: 'acme', prompt: 'none' }, browser)
    expect(browser.page.url).toContain('error=login_required')
    await begin({ organization: 'globex' }, browser)
    expect(isAtRelyingParty(browser)).toBe(true)
  })

  test('another connection is not enough', async () => {
    await claimsOf(await signInThrough(gatehouse, 'acme-okta', { parameters: { organization: 'acme' } }))
    const browser = newBrowser()
    const flow = await begin({}, browser)
    await pressConnection(browser, 'shared')
    await browser.submit({ password })
    if (browser.page.html.includes('data-test="select-organization"')) await pickOrganization(browser, 'acme')
    expect(browser.page.html).toContain('data-test="sso-required"')
    await pressConnection(browser, 'acme-okta')
    expect((await flow.redeem()).claims()).toMatchObject({ org_slug: 'acme' })
  })

  test('a superadmin gets in by password: somebody must be able to mend it', async () => {
    const { browser, redeem } = await begin({ organization: 'acme' })
    const [, anotherWay] = /href="([^"]+)" data-test="another-way"/.exec(browser.page.html) ?? []
    await browser.get(new URL(anotherWay!, gatehouse.url))
    await enterPassword(browser, 'root@example.test')
    expect((await redeem()).claims()).toMatchObject({ org_slug: 'acme' })
  })

  test('direct authentication is refused with sso_required, and only after the right password', async () => {
    const refused = await authenticate(gatehouse, { email: 'ada@acme.test', organization: 'acme' })
    expect([refused.status, refused.json.code]).toEqual([403, 'sso_required'])
    const wrong = await authenticate(gatehouse, { email: 'ada@acme.test', password: 'wrong', organization: 'acme' })
    const unknown = await authenticate(gatehouse, { email: 'x@acme.test', password: 'wrong', organization: 'acme' })
    expect([wrong.status, wrong.text]).toEqual([401, unknown.text])
    expect((await authenticate(gatehouse, { email: 'ada@acme.test', organization: 'globex' })).status).toBe(200)
    expect((await authenticate(gatehouse, { email: 'root@example.test', organization: 'acme' })).status).toBe(200)
  })

  test('while it is not required, its button stands beside the password', async () => {
    await require(false)
    const { browser } = await begin()
    expect(browser.page.html).not.toContain('data-test="connection-acme-okta"')
    await browser.submit({ email: 'ada@acme.test' })
    expect(browser.page.html).toContain('data-test="password"')
    expect(browser.page.html).toContain('data-test="connection-acme-okta"')
    await browser.get(`${gatehouse.url}/o/acme`)
    expect(browser.page.html).toContain('name="email"')
    expect(browser.page.html).toContain('data-test="connection-acme-okta"')
  })

  test('a connection that is switched off requires nothing', async () => {
    const { db } = gatehouse.database
    const set = (enabled: boolean) =>
      db.updateTable('connections').set({ enabled }).where('name', '=', 'acme-okta').execute()
    await set(false)
    const { browser, redeem } = await begin({ organization: 'acme' })
    await enterPassword(browser, 'ada@acme.test')
    expect((await redeem()).claims()).toMatchObject({ org_slug: 'acme' })
    await set(true)
  })

  describe('the sign-in page', () => {
    test('offers SSO, which asks for the organization and goes to its provider', async () => {
      // S0-03, S2-10, S2-11
      const { browser, redeem } = await begin()
      expect(browser.page.html).toContain('data-test="connection-shared"')
      const [, sso] = /href="([^"]+)" data-test="sso"/.exec(browser.page.html) ?? []
      await browser.get(new URL(sso!, gatehouse.url))
      expect(browser.page.html).toContain('name="organization"')
      await browser.submit({ organization: 'Acme Corporation' })
      expect((await redeem()).claims()).toMatchObject({ org_slug: 'acme' })
    })

    test('answers an unknown organization like one without a provider', async () => {
      const answers: string[] = []
      for (const organization of ['no-such-one', 'globex', 'a\0b']) {
        const { browser } = await begin()
        await browser.get(`${browser.page.url}/sso`)
        await browser.submit({ organization })
        expect(browser.page.status).toBe(422)
        answers.push(
          browser.page.html
            .replaceAll(organization, 'NAME')
            .replace(/name="_csrf" value="[^"]*"/g, '')
            .replace(/\/interaction\/[\w-]+/g, '/interaction/UID'),
        )
      }
      expect(answers[1]).toBe(answers[0])
    })

    test('doesn’t ask for an organization that is known', async () => {
      const { browser } = await begin({ organization: 'acme' })
      expect(browser.page.html).not.toContain('data-test="sso"')
    })

    test('offers the connection that the application names, and nothing else', async () => {
      const named = await begin({ connection: 'acme-okta' })
      expect(named.browser.page.html).toContain('data-test="leave"')
      expect(named.browser.page.html).not.toContain('data-test="connection-shared"')
      await pressConnection(named.browser, 'acme-okta')
      expect((await named.redeem()).claims()).toMatchObject({ org_slug: 'acme' })
      const { browser } = await begin({ connection: 'nobody' })
      expect(browser.page.html).toContain('data-test="login"')
      const other = await begin({ connection: 'acme-okta', organization: 'globex' })
      expect(other.browser.page.html).toContain('data-test="login"')
    })
  })
})
