import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { allowed, claimsOf, connect, isAtRelyingParty, newBrowser, pressConnection } from '#support/federation.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { type IdentityProvider, startIdentityProvider } from '#support/identity-provider.ts'
import { beginSignIn, enterPassword, pickOrganization, signIn } from '#support/relying-party.ts'
import { pathOf, textOf } from '#support/signed-in.ts'
import { authorizationRequest } from '#surfaces/page-kit/signed-in-user.ts'

describe.each(availableDatabases())('a link from another site, on %s', (database) => {
  let gatehouse: Gatehouse
  let theirs: IdentityProvider
  const mallory = { sub: 'mallory', name: 'Mallory', email: 'mallory@evil.test', email_verified: true }
  const ada = { sub: 'ada', name: 'Ada', email: 'ada@acme.test', email_verified: true }

  beforeAll(async () => {
    theirs = await startIdentityProvider()
    gatehouse = await startGatehouse({ database, config: allowed(theirs) })
    await connect(gatehouse, { name: 'theirs', organization: 'globex', issuer: theirs.issuer, displayName: 'Bank' })
  })
  beforeEach(() => {
    theirs.person = mallory
    theirs.asked.length = 0
  })
  afterAll(async () => {
    await gatehouse.stop()
    await theirs.stop()
  })

  const link = { prompt: 'login', connection: 'theirs', organization: 'globex' }
  const follow = (browser: Browser, parameters: Record<string, string> = link) =>
    beginSignIn(gatehouse.url, { browser, parameters })
  const personIn = async (browser: Browser) => {
    await browser.get(`${gatehouse.url}/account/profile`)
    return browser.page.html
  }

  test('leads to no identity provider: a page says who asks and where it leads', async () => {
    const { browser } = await signIn(gatehouse.url, { pick: 'acme', browser: newBrowser() })
    await follow(browser)
    expect(theirs.asked).toEqual([])
    expect(browser.page.status).toBe(200)
    expect(textOf(browser, 'provider-host')).toBe(theirs.host)
    expect(textOf(browser, 'signed-in-as')).toBe('ada@acme.test')
    expect(browser.page.html).toContain('Console')
    expect(browser.page.html).toContain('Bank')
    const stranger = newBrowser()
    await follow(stranger, { connection: 'theirs', organization: 'globex' })
    expect(stranger.page.html).toContain('data-test="leave"')
    expect(theirs.asked).toEqual([])
  })

  test('has only its own form go on', async () => {
    const { browser } = await follow(newBrowser())
    const action = browser.page.url
    await browser.post(`${action}/connection`, { connection: 'theirs' })
    expect(browser.page.status).toBe(403)
    expect(theirs.asked).toEqual([])
  })

  test('replaces nobody: who comes back as another person is asked, and may stay', async () => {
    const { browser } = await signIn(gatehouse.url, { pick: 'acme', browser: newBrowser() })
    await follow(browser)
    await pressConnection(browser, 'theirs')
    expect(theirs.asked).toHaveLength(1)
    expect(browser.page.html).toContain('data-test="replace-person"')
    expect(textOf(browser, 'signed-in-as')).toBe('ada@acme.test')
    expect(textOf(browser, 'new-person')).toBe('mallory@evil.test')
    const page = browser.page.url
    await browser.post(page, {})
    expect(browser.page.status).toBe(403)
    expect(await personIn(browser)).toContain('ada@acme.test')
    await browser.get(page)
    await browser.submit({}, '/abort')
    expect(browser.page.url).toContain('error=access_denied')
    expect(await personIn(browser)).toContain('ada@acme.test')
  })

  test('is followed by whoever agrees twice', async () => {
    const { browser } = await signIn(gatehouse.url, { pick: 'acme', browser: newBrowser() })
    const flow = await follow(browser)
    await pressConnection(browser, 'theirs')
    await browser.submit({}, '/replace')
    // The library's own form signs the other person out; browsers send it by script.
    await browser.submit({})
    expect(isAtRelyingParty(browser)).toBe(true)
    expect(await claimsOf(flow)).toMatchObject({ email: 'mallory@evil.test', org_slug: 'globex' })
  })

  test('leads to no provider by an address that it fills in, either', async () => {
    const { db } = gatehouse.database
    const globex = await db
      .selectFrom('organizations')
      .select('id')
      .where('slug', '=', 'globex')
      .executeTakeFirstOrThrow()
    await db
      .insertInto('organizationDomains')
      .values({ organizationId: globex.id, domain: 'evil.test', verifiedAt: new Date() })
      .execute()
    await db.updateTable('connections').set({ required: true }).where('name', '=', 'theirs').execute()
    try {
      const browser = newBrowser()
      await browser.get(authorizationRequest(gatehouse.url, '/account', { login_hint: 'mallory@evil.test' }))
      expect(browser.page.html).toContain('data-test="leave"')
      expect(theirs.asked).toEqual([])
      // Entered by the person it is a choice.
      const { browser: typing } = await follow(newBrowser(), {})
      await typing.submit({ email: 'mallory@evil.test' })
      expect(theirs.asked).toHaveLength(1)
    } finally {
      await db.updateTable('connections').set({ required: false }).where('name', '=', 'theirs').execute()
    }
  })

  test('does not use what was chosen for something else', async () => {
    const browser = newBrowser()
    await browser.get(`${gatehouse.url}/o/globex`)
    await browser.submit({ connection: 'theirs' })
    expect(theirs.asked).toHaveLength(1)
    const another = newBrowser()
    await another.get(`${gatehouse.url}/o/acme`)
    await another.submit({ email: 'ada@acme.test' })
    await follow(another)
    expect(another.page.html).toContain('data-test="leave"')
    expect(theirs.asked).toHaveLength(1)
  })

  test('goes straight where the person is signed in by that provider already', async () => {
    const browser = newBrowser()
    await browser.get(`${gatehouse.url}/o/globex`)
    await browser.submit({ connection: 'theirs' })
    expect(pathOf(browser)).toBe('/account/profile')
    const flow = await follow(browser)
    expect(theirs.asked).toHaveLength(2)
    expect(await claimsOf(flow)).toMatchObject({ email: 'mallory@evil.test' })
  })

  test('a password that is typed for another person needs no second page', async () => {
    theirs.person = ada
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test', browser: newBrowser() })
    await follow(browser, { prompt: 'login' })
    await enterPassword(browser, 'ada@acme.test')
    await browser.submit({})
    await pickOrganization(browser, 'acme')
    expect(isAtRelyingParty(browser)).toBe(true)
  })
})
