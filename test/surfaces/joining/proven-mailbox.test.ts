import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { accountOf, allowed, connect, isAtRelyingParty, signInThrough } from '#support/federation.ts'
import { freePort } from '#support/free-port.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { type IdentityProvider, startIdentityProvider } from '#support/identity-provider.ts'
import { createKey, isLive } from '#support/keys.ts'
import { askFor, latestLink } from '#support/mails.ts'
import { signIn } from '#support/relying-party.ts'
import { isSignedInAt } from '#support/signed-in.ts'
import { isActive } from '#support/wire.ts'

const newPassword = 'seven small boats at anchor'

describe.each(availableDatabases())('an account with an address that nobody has proven, on %s', (database) => {
  let gatehouse: Gatehouse
  let provider: IdentityProvider
  let email: string
  let count = 0
  beforeAll(async () => {
    provider = await startIdentityProvider()
    // Nothing listens there: mails wait to be read.
    const smtpUrl = `smtp://127.0.0.1:${await freePort()}`
    gatehouse = await startGatehouse({ database, config: { ...allowed(provider), smtpUrl } })
    await connect(gatehouse, {
      name: 'globex',
      organization: 'globex',
      issuer: provider.issuer,
      displayName: 'Globex ID',
    })
  })
  beforeEach(() => {
    email = `victim${++count}@example.test`
  })
  afterAll(async () => {
    await gatehouse.stop()
    await provider.stop()
  })

  /** Came first, through a provider of their own, with the address of another. */
  async function squat() {
    provider.person = { sub: `squatter${count}`, name: 'Squatter', email, email_verified: false }
    const flow = await signInThrough(gatehouse, 'globex', { parameters: { organization: 'globex' } })
    const tokens = await flow.redeem()
    const { access_token: token, refresh_token: refreshToken } = tokens
    const key = await createKey(gatehouse, { headers: { authorization: `Bearer ${token}` }, token })
    expect((await accountOf(gatehouse, email))!.user.emailVerifiedAt).toBeNull()
    const hasSession = () => isSignedInAt(gatehouse, Number(new URL(gatehouse.url).port), flow.browser)
    await flow.browser.get(`${gatehouse.url}/account/profile`)
    expect([await isLive(gatehouse, key.key), await hasSession()]).toEqual([true, true])
    return { browser: flow.browser, token, refreshToken: refreshToken!, key: key.key, hasSession }
  }

  /** All that opened the account is gone. */
  async function expectNothingLeftOf(squatter: Awaited<ReturnType<typeof squat>>): Promise<void> {
    const { user, identities } = (await accountOf(gatehouse, email))!
    expect([user.emailVerifiedAt !== null, identities]).toEqual([true, []])
    expect(await isLive(gatehouse, squatter.key)).toBe(false)
    for (const token of [squatter.token, squatter.refreshToken]) expect(await isActive(gatehouse, token)).toBe(false)
    expect(await squatter.hasSession()).toBe(false)
    const again = await signInThrough(gatehouse, 'globex', { parameters: { organization: 'globex' } })
    expect(again.browser.page.html).toContain('data-test="prove-account"')
  }

  async function askForVerification(browser: Browser): Promise<string> {
    await browser.get(`${gatehouse.url}/account/verify-email`)
    expect((await browser.submit()).status).toBe(202)
    return latestLink(gatehouse, email, 'verify-email')
  }

  test('confirming it in another browser makes the account its owner’s alone', async () => {
    const squatter = await squat()
    const change = await askForChangeOfAddress(squatter.browser, `elsewhere${count}@evil.test`)
    const owner = new Browser()
    await owner.get(await askForVerification(squatter.browser))
    expect(owner.page.html).toContain('makes it yours alone')
    for (const told of ['Asked', '127.0.0.0/24']) expect(owner.page.html).toContain(told)
    expect((await owner.submit()).html).toContain('Choose a password')
    await expectNothingLeftOf(squatter)
    expect((await new Browser().get(change)).status).toBe(410)
    await owner.get(`${gatehouse.url}/reset-password`)
    await owner.submit({ email })
    await owner.get(await latestLink(gatehouse, email, 'reset-password'))
    await owner.submit({ password: newPassword })
    await signIn(gatehouse.url, { email, secret: newPassword })
  })

  test('confirming it where the account is signed in keeps everything', async () => {
    const person = await squat()
    await person.browser.get(await askForVerification(person.browser))
    expect(person.browser.page.html).not.toContain('makes it yours alone')
    expect((await person.browser.submit()).html).toContain('Your address is confirmed')
    const { user, identities } = (await accountOf(gatehouse, email))!
    expect([user.emailVerifiedAt !== null, identities.length]).toEqual([true, 1])
    expect([await isLive(gatehouse, person.key), await person.hasSession()]).toEqual([true, true])
  })

  test('its maker who opens the link elsewhere signs in first, and keeps everything', async () => {
    const person = await squat()
    const { db } = gatehouse.database
    const { passwordHash } = (await accountOf(gatehouse, 'grace@globex.test'))!.user
    await db.updateTable('users').set({ passwordHash }).where('email', '=', email).execute()
    const link = await askForVerification(person.browser)
    const elsewhere = new Browser()
    await elsewhere.get(link)
    await elsewhere.submit({}, '/verify-email/sign-in')
    // The link is in no address on the way: it waits in this browser.
    expect(elsewhere.page.url).not.toContain('token=')
    await elsewhere.submit({ password })
    expect(elsewhere.page.url).toBe(`${gatehouse.url}/verify-email`)
    expect((await elsewhere.submit()).html).toContain('Your address is confirmed')
    expect(await isLive(gatehouse, person.key)).toBe(true)
    expect((await accountOf(gatehouse, email))!.identities).toHaveLength(1)
  })

  test('a session of somebody else in the same browser proves nothing', async () => {
    const squatter = await squat()
    const link = await askForVerification(squatter.browser)
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    await browser.get(link)
    await browser.submit()
    await expectNothingLeftOf(squatter)
    await browser.get(`${gatehouse.url}/account/profile`)
    expect(browser.page.html).toContain('grace@globex.test')
  })

  test('a new password by mail voids keys, identities and sessions', async () => {
    const squatter = await squat()
    await askFor(gatehouse, '/reset-password', email)
    const owner = new Browser()
    await owner.get(await latestLink(gatehouse, email, 'reset-password'))
    expect(owner.page.html).toContain('Nobody has confirmed this address before')
    await owner.submit({ password: newPassword })
    await expectNothingLeftOf(squatter)
    await signIn(gatehouse.url, { email, secret: newPassword })
  })

  test('linking by mail voids what was there before', async () => {
    const squatter = await squat()
    provider.person = { sub: `owner${count}`, name: 'Owner', email, email_verified: false }
    const owner = await signInThrough(gatehouse, 'globex', { parameters: { organization: 'globex' } })
    await owner.browser.submit({}, '/prove/mail')
    await owner.browser.get(await latestLink(gatehouse, email, 'link-account'))
    await owner.browser.submit()
    expect(isAtRelyingParty(owner.browser)).toBe(true)
    const { identities } = (await accountOf(gatehouse, email))!
    expect(identities).toMatchObject([{ subject: `owner${count}` }])
    expect([await isLive(gatehouse, squatter.key), await squatter.hasSession()]).toEqual([false, false])
  })

  test('two proofs at once end one after the other', async () => {
    const squatter = await squat()
    const link = await askForVerification(squatter.browser)
    await askFor(gatehouse, '/reset-password', email)
    const reset = await latestLink(gatehouse, email, 'reset-password')
    const [one, two] = [new Browser(), new Browser()]
    await one.get(link)
    await two.get(reset)
    const pages = await Promise.all([one.submit(), two.submit({ password: newPassword })])
    // The first of them ends the links of the account.
    for (const { status } of pages) expect([200, 410]).toContain(status)
    await expectNothingLeftOf(squatter)
  })

  async function askForChangeOfAddress(browser: Browser, to: string): Promise<string> {
    await browser.get(`${gatehouse.url}/account/email`)
    expect((await browser.submit({ email: to })).status).toBe(202)
    return latestLink(gatehouse, to, 'change-email')
  }

  test('a mailbox is lent to an account only by who is signed in to it', async () => {
    const squatter = await squat()
    const other = `other${count}@example.test`
    const link = await askForChangeOfAddress(squatter.browser, other)
    const owner = new Browser()
    await owner.get(link)
    expect(owner.page.html).toContain(`Sign in as ${email}`)
    await owner.post(`${gatehouse.url}/change-email`, {
      _csrf: owner.hidden('_csrf')!,
      token: new URL(link).searchParams.get('token')!,
    })
    expect(await accountOf(gatehouse, other)).toBeUndefined()
    await squatter.browser.get(link)
    expect((await squatter.browser.submit()).html).toContain('Your address is changed')
    expect((await accountOf(gatehouse, other))!.user.emailVerifiedAt).not.toBeNull()
  })

  test('keys made without a password or another identity are void as well once a domain’s owner vouches', async () => {
    const squatter = await squat()
    const { db } = gatehouse.database
    // The connection by which the squatter came is gone; their key is what they have left.
    await db
      .deleteFrom('identities')
      .where('userId', '=', (await accountOf(gatehouse, email))!.user.id)
      .execute()
    const { id: organizationId } = await db
      .selectFrom('organizations')
      .select('id')
      .where('slug', '=', 'globex')
      .executeTakeFirstOrThrow()
    const verified = { domain: 'example.test', organizationId, verifiedAt: new Date() }
    await db.insertInto('organizationDomains').values(verified).execute()
    provider.person = { sub: `owner${count}`, name: 'Owner', email, email_verified: true }
    const owner = await signInThrough(gatehouse, 'globex', { parameters: { organization: 'globex' } })
    expect(isAtRelyingParty(owner.browser)).toBe(true)
    expect([await isLive(gatehouse, squatter.key), await squatter.hasSession()]).toEqual([false, false])
    await db.deleteFrom('organizationDomains').where('domain', '=', 'example.test').execute()
  })
})
