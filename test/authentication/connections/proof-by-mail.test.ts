import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import {
  accountOf,
  allowed,
  claimsOf,
  connect,
  isAtRelyingParty,
  pressConnection,
  signInThrough,
} from '#support/federation.ts'
import { freePort } from '#support/free-port.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { type IdentityProvider, startIdentityProvider } from '#support/identity-provider.ts'
import { latestLink, mailsTo, tokenOf } from '#support/mails.ts'

describe.each(availableDatabases())('proving an account by mail while signing in, on %s', (database) => {
  let gatehouse: Gatehouse
  let provider: IdentityProvider
  let email: string
  let count = 0
  beforeAll(async () => {
    provider = await startIdentityProvider()
    // Nothing listens there: mails wait to be read.
    const smtpUrl = `smtp://127.0.0.1:${await freePort()}`
    gatehouse = await startGatehouse({ database, config: { ...allowed(provider), smtpUrl } })
    await connect(gatehouse, { name: 'everybody', issuer: provider.issuer, displayName: 'Everybody’s' })
    await connect(gatehouse, { name: 'others', issuer: provider.issuer, displayName: 'Others’' })
  })
  beforeEach(async () => {
    email = `person${++count}@example.test`
    await gatehouse.apply(`users:
  - { email: "${email}", name: Person, password: "${password}" }
organizations:
  - slug: acme
    members: [{ email: "${email}" }]`)
    provider.person = { sub: `s${count}`, name: 'Person', email, email_verified: true }
  })
  afterAll(async () => {
    await gatehouse.stop()
    await provider.stop()
  })

  /** As far as the page after asking for the mail. */
  async function askForLink() {
    const flow = await signInThrough(gatehouse, 'everybody')
    expect(flow.browser.page.html).toContain('data-test="prove-account"')
    await flow.browser.submit({}, '/prove/mail')
    expect(flow.browser.page.html).toContain('data-test="mail-sent"')
    return flow
  }

  test('an organization’s provider is not told whether an address has an account; its mailbox is', async () => {
    const name = `probe-${count}`
    await connect(gatehouse, { name, organization: 'acme', issuer: provider.issuer, jit: false })
    const absent = `absent${count}@example.test`
    const answers: string[][] = []
    for (const address of [email, absent]) {
      provider.person = { sub: `probe-${address}`, name: 'Mallory', email: address, email_verified: true }
      const { browser } = await signInThrough(gatehouse, name, { parameters: { organization: 'acme' } })
      const seen = [browser.page]
      await browser.submit({ password: 'a guess of theirs' })
      seen.push(browser.page)
      await browser.submit({}, '/prove/mail')
      seen.push(browser.page)
      answers.push(
        seen.map(({ status, html, url }) =>
          [status, html, new URL(url).pathname]
            .join(' ')
            .replaceAll(address, 'ADDRESS')
            .replaceAll(/interaction\/[\w-]+|value="[\w.-]{40,}"/g, ''),
        ),
      )
    }
    expect(answers[0]![0]).toContain('data-test="prove-account"')
    expect(answers[0]![1]).toMatch(/^401/)
    expect(answers[0]![2]).toContain('data-test="mail-sent"')
    expect(answers[1]).toEqual(answers[0])
    expect((await mailsTo(gatehouse, absent)).map(({ template }) => template)).toEqual(['no-account'])
    expect((await mailsTo(gatehouse, email)).map(({ template }) => template)).toEqual(['link-account'])
    expect(await accountOf(gatehouse, absent)).toBeUndefined()
  })

  test('the link links the account and finishes the sign-in, in the browser that asked for it, once', async () => {
    const before = (await accountOf(gatehouse, email))!.user
    const flow = await askForLink()
    const link = await latestLink(gatehouse, email, 'link-account')
    await flow.browser.get(link)
    expect(flow.browser.page.html).toContain('data-test="prove-by-mail"')
    // Looking at it, as mail scanners do, changes nothing.
    expect((await accountOf(gatehouse, email))!.identities).toEqual([])
    await flow.browser.submit()
    expect(isAtRelyingParty(flow.browser)).toBe(true)
    expect((await claimsOf(flow)).sub).toBe(before.id)
    const account = (await accountOf(gatehouse, email))!
    expect(account.identities).toMatchObject([{ subject: `s${count}` }])
    // Their password was proven before, and stays.
    expect(account.user.passwordHash).toBe(before.passwordHash)
    const later = await signInThrough(gatehouse, 'everybody')
    expect((await claimsOf(later)).sub).toBe(before.id)
    await flow.browser.get(link)
    expect(flow.browser.page.status).toBe(410)
  })

  test('another browser can’t use it, whoever was talked into opening it', async () => {
    const flow = await askForLink()
    const link = await latestLink(gatehouse, email, 'link-account')
    const victim = new Browser()
    await victim.get(link)
    expect(victim.page.status).toBe(404)
    expect(victim.page.html).toContain('in the browser in which you are signing in')
    await victim.get(`${gatehouse.url}/organizations`)
    const posted = await victim.post(`${gatehouse.url}/prove-account`, {
      _csrf: victim.hidden('_csrf')!,
      token: tokenOf(link),
    })
    expect(posted.status).toBe(404)
    expect((await accountOf(gatehouse, email))!.identities).toEqual([])
    // And the one who asked still can.
    await flow.browser.get(link)
    await flow.browser.submit()
    expect(isAtRelyingParty(flow.browser)).toBe(true)
  })

  test('a link of another sign-in or purpose, or none, opens nothing', async () => {
    const flow = await askForLink()
    const link = await latestLink(gatehouse, email, 'link-account')
    for (const path of ['/prove-account', '/prove-account?token=x', `/new-password?token=${tokenOf(link)}`]) {
      await flow.browser.get(gatehouse.url + path)
      expect([path, flow.browser.page.status]).toEqual([path, 410])
    }
    // A newer link ends the older one.
    await askForLink()
    await flow.browser.get(link)
    expect(flow.browser.page.status).toBe(410)
    // At most three an hour; the last one that arrived still works.
    for (let more = 0; more < 3; more++) await askForLink()
    expect((await mailsTo(gatehouse, email)).filter(({ template }) => template === 'link-account')).toHaveLength(3)
  })

  test('it links whom it was asked for, whoever comes back in the same sign-in afterwards', async () => {
    const flow = await askForLink()
    const { page } = flow.browser
    const interaction = page.url.replace(/\/prove.*$/, '')
    const link = await latestLink(gatehouse, email, 'link-account')
    const [mail] = await mailsTo(gatehouse, email)
    expect(mail!.content.locals).toMatchObject({ connectionLabel: 'Everybody’s', upstreamPerson: `Person, s${count}` })
    const asked = provider.person
    const comeBack = async (through: string) => {
      // Another person uses the browser at the identity provider.
      flow.browser.setCookie(`_session${new URL(provider.issuer).port}`, 'none')
      await flow.browser.get(`${interaction}?prompt=login`)
      await pressConnection(flow.browser, through)
      expect(flow.browser.page.html).toContain('data-test="prove-account"')
    }
    for (const [connection, sub] of [
      ['everybody', `other${count}`],
      ['others', `s${count}`],
    ] as const) {
      provider.person = { ...asked, sub, name: 'Another' }
      await comeBack(connection)
      await flow.browser.get(link)
      expect([connection, flow.browser.page.status]).toEqual([connection, 410])
      const form = { _csrf: await csrfOf(flow.browser), token: tokenOf(link) }
      await flow.browser.post(`${gatehouse.url}/prove-account`, form)
      expect([connection, flow.browser.page.status]).toEqual([connection, 410])
    }
    expect((await accountOf(gatehouse, email))!.identities).toEqual([])
    // The one who asked, once they have come back: the page says who that is, and where.
    provider.person = asked
    await comeBack('everybody')
    await flow.browser.get(link)
    const { html } = flow.browser.page
    for (const named of ['Everybody’s', provider.host, `Person, s${count}`]) expect(html).toContain(named)
    await flow.browser.submit()
    expect((await accountOf(gatehouse, email))!.identities).toMatchObject([{ subject: `s${count}` }])
  })

  async function csrfOf(browser: Browser): Promise<string> {
    await browser.get(`${gatehouse.url}/organizations`)
    return browser.hidden('_csrf')!
  }

  test('an account whose address nobody had proven is its owner’s alone from then on', async () => {
    await gatehouse.database.db.updateTable('users').set({ emailVerifiedAt: null }).where('email', '=', email).execute()
    const flow = await askForLink()
    await flow.browser.get(await latestLink(gatehouse, email, 'link-account'))
    await flow.browser.submit()
    expect(isAtRelyingParty(flow.browser)).toBe(true)
    const { user, identities } = (await accountOf(gatehouse, email))!
    expect(user.passwordHash).toBeNull()
    expect(user.emailVerifiedAt).not.toBeNull()
    expect(identities).toHaveLength(1)
  })

  test('the mail holds no uid of the sign-in, and nobody is mailed whose account is switched off', async () => {
    const flow = await askForLink()
    const [mail] = await mailsTo(gatehouse, email)
    const uid = /\/interaction\/([\w-]+)/.exec(flow.browser.page.url)![1]!
    expect(JSON.stringify(mail)).not.toContain(uid)
    await gatehouse.database.db.deleteFrom('mailOutbox').execute()
    const other = await signInThrough(gatehouse, 'everybody')
    await gatehouse.database.db
      .updateTable('users')
      .set({ deactivatedAt: new Date() })
      .where('email', '=', email)
      .execute()
    await other.browser.submit({}, '/prove/mail')
    expect(await mailsTo(gatehouse, email)).toEqual([])
  })
})
