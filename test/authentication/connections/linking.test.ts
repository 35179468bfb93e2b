import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newTokens } from '#support/api-requests.ts'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import {
  accountOf,
  allowed,
  claimsOf,
  connect,
  countUsers,
  isAtRelyingParty,
  newBrowser,
  pressConnection,
  signInThrough,
} from '#support/federation.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { type IdentityProvider, startIdentityProvider } from '#support/identity-provider.ts'
import { beginSignIn, signIn } from '#support/relying-party.ts'
import { openAccount, textOf } from '#support/signed-in.ts'
import { isActive } from '#support/wire.ts'

describe.each(availableDatabases())('linking to accounts on %s', (database) => {
  let gatehouse: Gatehouse
  let acme: IdentityProvider
  let globex: IdentityProvider
  let count = 0

  beforeAll(async () => {
    acme = await startIdentityProvider()
    globex = await startIdentityProvider()
    gatehouse = await startGatehouse({ database, config: allowed(acme, globex) })
    // Acme owns acme.test; Globex owns no domain at all.
    await connect(gatehouse, { name: 'acme', organization: 'acme', issuer: acme.issuer })
    await connect(gatehouse, { name: 'globex', organization: 'globex', issuer: globex.issuer })
    await connect(gatehouse, { name: 'everybody', issuer: globex.issuer })
  })
  beforeEach(() => {
    acme.lies = {}
    globex.lies = {}
    count += 1
  })
  afterAll(async () => {
    await gatehouse.stop()
    await acme.stop()
    await globex.stop()
  })

  const through = (name: string, organization?: string) =>
    signInThrough(gatehouse, name, organization ? { parameters: { organization } } : {})
  const subOf = async (name: string, organization?: string) => (await claimsOf(await through(name, organization))).sub

  /** An account with a password, of Acme, whose address is proven or not. */
  async function newAccount({ verified }: { verified: boolean }): Promise<string> {
    const email = `person${count}@acme.test`
    await gatehouse.apply(`users:
  - { email: "${email}", name: Person, password: "${password}" }`)
    if (!verified) await setVerified(email, null)
    return email
  }

  const setVerified = (email: string, emailVerifiedAt: Date | null) =>
    gatehouse.database.db.updateTable('users').set({ emailVerifiedAt }).where('email', '=', email).execute()

  const enter = (email: string, secret = password) =>
    openAccount(gatehouse, { browser: newBrowser(), email, secret, path: '/account/sessions' })

  async function canEnter(email: string, secret = password): Promise<boolean> {
    const browser = await enter(email, secret)
    return !browser.page.html.includes('data-test="password"')
  }

  test('an account is linked by its address when the organization owns the domain and the provider has verified it', async () => {
    const email = await newAccount({ verified: true })
    const before = (await accountOf(gatehouse, email))!.user
    acme.person = { sub: `s${count}`, name: 'Person', email: email.toUpperCase(), email_verified: true }
    expect(await subOf('acme', 'acme')).toBe(before.id)
    const account = (await accountOf(gatehouse, email))!
    expect(account.identities).toMatchObject([{ subject: `s${count}`, issuer: acme.issuer }])
    // their password was theirs, and stays
    expect(account.user.passwordHash).toBe(before.passwordHash)
    expect(await canEnter(email)).toBe(true)
  })

  test.each([false, undefined, 'true', 1, null, [true]])(
    'a provider that says email_verified: %j links nobody',
    async (emailVerified) => {
      const email = await newAccount({ verified: true })
      const users = await countUsers(gatehouse)
      acme.person = { sub: `s${count}`, name: 'Mallory', email, email_verified: emailVerified }
      const { browser } = await through('acme', 'acme')
      expect(browser.page.html).toContain('data-test="prove-account"')
      expect((await accountOf(gatehouse, email))?.identities).toEqual([])
      expect((await accountOf(gatehouse, email))?.user.name).toBe('Person')
      expect(await countUsers(gatehouse)).toBe(users)
    },
  )

  test.each(['globex', 'everybody'])(
    '%s links nobody by an address whose domain it does not own, verified or not',
    async (name) => {
      const email = await newAccount({ verified: true })
      for (const emailVerified of [true, false]) {
        globex.person = { sub: `m${count}`, name: 'Mallory', email, email_verified: emailVerified }
        const { browser } = await through(name)
        expect(browser.page.html).toContain('data-test="prove-account"')
        expect(browser.page.html).toContain('under Account, Security')
        expect((await accountOf(gatehouse, email))?.identities).toEqual([])
      }
    },
  )

  test('a superadmin is linked by no claim, only by a proof', async () => {
    const email = await newAccount({ verified: true })
    const { db } = gatehouse.database
    await db.updateTable('users').set({ superadmin: true }).where('email', '=', email).execute()
    acme.person = { sub: `s${count}`, name: 'Root', email, email_verified: true }
    const { browser } = await through('acme', 'acme')
    expect(browser.page.html).toContain('data-test="prove-account"')
    await browser.submit({ password })
    expect(isAtRelyingParty(browser)).toBe(true)
    await db.updateTable('users').set({ superadmin: false }).where('email', '=', email).execute()
  })

  test('whoever knows the password proves the account in the same flow, and is linked from then on', async () => {
    const email = await newAccount({ verified: true })
    const { user } = (await accountOf(gatehouse, email))!
    globex.person = { sub: `p${count}`, name: 'Person', email, email_verified: false }
    const flow = await through('globex', 'globex')
    await flow.browser.submit({ password: 'not the password' })
    expect(flow.browser.page.status).toBe(401)
    expect((await accountOf(gatehouse, email))?.identities).toEqual([])
    await flow.browser.submit({ password })
    expect(await claimsOf(flow)).toMatchObject({ sub: user.id, org_slug: 'globex' })
    expect(await subOf('globex', 'globex')).toBe(user.id)
  })

  test('a proof is of one flow, one browser and one account', async () => {
    const email = await newAccount({ verified: true })
    globex.person = { sub: `p${count}`, name: 'Person', email, email_verified: false }
    const { browser } = await through('globex', 'globex')
    const { url } = browser.page
    const stranger = (await through('globex', 'globex')).browser
    const csrf = stranger.hidden('_csrf')!
    await stranger.post(url, { _csrf: csrf, password })
    expect(stranger.page.status).toBe(404)
    await browser.post(url, { password })
    expect(browser.page.status).toBe(403)
    expect((await accountOf(gatehouse, email))?.identities).toEqual([])
    // an interaction without anything to prove has no such page
    const plain = (await through('globex', 'globex')).browser
    await plain.get(plain.page.url.replace(/\/prove$/, ''))
    expect(plain.page.html).toContain('data-test="login"')
  })

  test('a password guessed on that page counts with every other guess', async () => {
    const email = await newAccount({ verified: true })
    globex.person = { sub: `p${count}`, name: 'Person', email, email_verified: false }
    const { browser } = await through('globex', 'globex')
    for (let tries = 0; tries < 10; tries++) await browser.submit({ password: `wrong ${tries}` })
    await browser.submit({ password })
    expect(browser.page.status).toBe(429)
    expect(await canEnter(email)).toBe(false)
  })

  test('an attacker who came first with the victim’s address has nothing once its owner comes', async () => {
    const email = `victim${count}@acme.test`
    globex.person = { sub: `evil${count}`, name: 'Mallory', email, email_verified: true }
    const attacker = await through('globex', 'globex')
    const tokens = await attacker.redeem()
    const { sub, org_slug: slug } = tokens.claims()!
    expect(slug).toBe('globex')
    expect((await accountOf(gatehouse, email))?.user.emailVerifiedAt).toBeNull()
    acme.person = { sub: `victim${count}`, name: 'Victim', email, email_verified: true }
    expect(await subOf('acme', 'acme')).toBe(sub)
    const account = (await accountOf(gatehouse, email))!
    expect(account.identities.map(({ subject }) => subject)).toEqual([`victim${count}`])
    expect(account.user.emailVerifiedAt).not.toBeNull()
    expect(await isActive(gatehouse, tokens.access_token)).toBe(false)
    expect(await hasSession(attacker.browser)).toBe(false)
    const again = await through('globex', 'globex')
    expect(again.browser.page.html).toContain('data-test="prove-account"')
  })

  test('an attacker who comes second with the victim’s address gets nothing', async () => {
    const email = `victim${count}@acme.test`
    acme.person = { sub: `victim${count}`, name: 'Victim', email, email_verified: true }
    const sub = await subOf('acme', 'acme')
    globex.person = { sub: `evil${count}`, name: 'Mallory', email, email_verified: true }
    const { browser } = await through('globex', 'globex')
    expect(browser.page.html).toContain('data-test="prove-account"')
    await browser.submit({ password: '' })
    expect(browser.page.status).toBe(401)
    expect((await accountOf(gatehouse, email))?.user).toMatchObject({ id: sub, name: 'Victim' })
  })

  test('a password set on an address that nobody had proven is void once its owner comes', async () => {
    const email = await newAccount({ verified: false })
    await gatehouse.apply(`organizations:
  - slug: globex
    members:
      - { email: ada@acme.test, teams: [auditors] }
      - { email: grace@globex.test, admin: true, teams: [] }
      - { email: "${email}" }`)
    const attacker = await signIn(gatehouse.url, { email })
    const program = await newTokens(gatehouse, { email })
    const half = await signInHalfWay(email)
    expect(await hasSession(attacker.browser)).toBe(true)
    expect(await isActive(gatehouse, attacker.tokens.access_token)).toBe(true)
    acme.person = { sub: `owner${count}`, name: 'Owner', email, email_verified: true }
    const owner = await through('acme', 'acme')
    await claimsOf(owner)
    for (const token of [
      attacker.tokens.access_token,
      attacker.tokens.refresh_token!,
      program.access,
      program.refresh,
    ]) {
      expect(await isActive(gatehouse, token)).toBe(false)
    }
    expect(await hasSession(attacker.browser)).toBe(false)
    expect(await canEnter(email)).toBe(false)
    await half.finish()
    expect(half.browser.page.html).toContain('data-test="login"')
    expect((await accountOf(gatehouse, email))?.user.passwordHash).toBeNull()
  })

  async function hasSession(browser: Browser): Promise<boolean> {
    await beginSignIn(gatehouse.url, { browser, parameters: { prompt: 'none', organization: 'globex' } })
    return isAtRelyingParty(browser)
  }

  /** A browser whose password was right, and that has not followed the redirect. */
  async function signInHalfWay(email: string) {
    const browser = newBrowser()
    await browser.get(`${gatehouse.url}/account/sessions`)
    await browser.submit({ email })
    const { url } = browser.page
    const body = new URLSearchParams({ _csrf: browser.hidden('_csrf')!, email, password })
    const cookie = browser.cookiesFor('/')
    const path = url.endsWith('/login') ? url : `${url}/login`
    const answer = await fetch(path, { method: 'POST', body, headers: { cookie }, redirect: 'manual' })
    expect(answer.status).toBe(303)
    return { browser, finish: () => browser.get(answer.headers.get('location')!) }
  }

  test('the same subject at two issuers is two people', async () => {
    acme.person = { sub: 'same', name: 'One', email: `one${count}@acme.test`, email_verified: true }
    globex.person = { sub: 'same', name: 'Two', email: `two${count}@globex.test`, email_verified: true }
    const [one, two] = [await subOf('acme', 'acme'), await subOf('globex', 'globex')]
    expect(one).not.toBe(two)
  })

  test('a connection that is pointed at another issuer brings nobody it knew', async () => {
    const id = await connect(gatehouse, { name: `moving${count}`, organization: 'globex', issuer: globex.issuer })
    globex.person = { sub: 'mover', name: 'Mover', email: `mover${count}@globex.test`, email_verified: true }
    await subOf(`moving${count}`, 'globex')
    const { db } = gatehouse.database
    await db.updateTable('connections').set({ issuer: acme.issuer }).where('id', '=', id).execute()
    acme.person = { sub: 'mover', name: 'Mover', email: `mover${count}@globex.test`, email_verified: true }
    const { browser } = await through(`moving${count}`, 'globex')
    expect(browser.page.html).toContain('data-test="prove-account"')
  })

  test('who has several memberships is signed in to the connection’s organization without being asked', async () => {
    globex.person = { sub: `ada${count}`, name: 'Ada', email: 'ada@acme.test', email_verified: true }
    const flow = await through('everybody')
    await flow.browser.submit({ password })
    expect(flow.browser.page.html).toContain('data-test="select-organization"')
    acme.person = { sub: 'ada', name: 'Ada', email: 'ada@acme.test', email_verified: true }
    const sso = await signInThrough(gatehouse, 'acme', { parameters: { organization: 'acme' } })
    expect(await claimsOf(sso)).toMatchObject({ org_slug: 'acme' })
  })

  describe('on the security page', () => {
    const at = '/account/security'

    async function openSecurity(email: string) {
      const browser = await openAccount(gatehouse, { browser: newBrowser(), email, pick: 'globex', path: at })
      expect(browser.page.html).toContain('data-test="identities"')
      return browser
    }

    test('a person links another way to sign in, and unlinks it again', async () => {
      globex.person = { sub: `linked${count}`, name: 'Grace', email: 'elsewhere@example.test', email_verified: true }
      const browser = await openSecurity('grace@globex.test')
      await browser.submit({ connection: 'everybody' }, '/link')
      expect(textOf(browser, 'changed')).toContain('sign in that way')
      expect(textOf(browser, 'identity')).toContain('elsewhere@example.test')
      const { user, identities } = (await accountOf(gatehouse, 'grace@globex.test'))!
      expect(await subOf('everybody', 'globex')).toBe(user.id)
      await browser.get(`${gatehouse.url}${at}`)
      await browser.submit({ identity: identities[0]!.id }, '/unlink')
      expect(textOf(browser, 'changed')).toContain('can’t sign in that way')
      expect((await accountOf(gatehouse, 'grace@globex.test'))?.identities).toEqual([])
      const { db } = gatehouse.database
      const audit = await db.selectFrom('auditLog').select('action').where('actorId', '=', user.id).execute()
      expect(audit.map(({ action }) => action)).toEqual(
        expect.arrayContaining(['identity.linked', 'identity.unlinked']),
      )
    })

    test('nobody takes what belongs to another account, or unlinks it', async () => {
      globex.person = { sub: `taken${count}`, name: 'Somebody', email: `somebody${count}@globex.test` }
      await subOf('globex', 'globex')
      const { identities } = (await accountOf(gatehouse, `somebody${count}@globex.test`))!
      const browser = await openSecurity('grace@globex.test')
      await browser.submit({ connection: 'globex' }, '/link')
      expect(textOf(browser, 'changed')).toContain('belongs to another account')
      const csrf = browser.hidden('_csrf')!
      for (const identity of [identities[0]!.id, 'idn_nobody', '', 'a\0b']) {
        await browser.post(`${gatehouse.url}${at}/unlink`, { _csrf: csrf, identity })
        expect(browser.page.status).toBe(404)
      }
      expect((await accountOf(gatehouse, `somebody${count}@globex.test`))?.identities).toHaveLength(1)
    })

    test('the last way in stays', async () => {
      globex.person = { sub: `only${count}`, name: 'Only', email: `only${count}@globex.test` }
      const browser = newBrowser()
      await browser.get(`${gatehouse.url}/o/globex`)
      await browser.submit({ connection: 'globex' })
      await browser.get(`${gatehouse.url}${at}`)
      const { identities } = (await accountOf(gatehouse, `only${count}@globex.test`))!
      await browser.submit({ identity: identities[0]!.id }, '/unlink')
      expect(browser.page.status).toBe(409)
      expect(textOf(browser, 'identity-error')).toContain('only way to sign in')
      expect((await accountOf(gatehouse, `only${count}@globex.test`))?.identities).toHaveLength(1)
    })

    test('a connection of an organization to which one doesn’t belong is not offered', async () => {
      const browser = await openSecurity('grace@globex.test')
      expect(browser.page.html).not.toContain('data-test="link-acme"')
      const csrf = browser.hidden('_csrf')!
      await browser.post(`${gatehouse.url}${at}/link`, { _csrf: csrf, connection: 'acme' })
      expect(browser.page.status).toBe(404)
    })

    test('an answer meant for one session links nothing in another', async () => {
      globex.person = { sub: `mine${count}`, name: 'Mallory', email: 'mallory@example.test' }
      const attacker = new Browser((url) => url.pathname.endsWith('/callback'))
      await openAccount(gatehouse, { browser: attacker, email: 'grace@globex.test', pick: 'globex', path: at })
      await attacker.submit({ connection: 'everybody' }, '/link')
      const victim = await openAccount(gatehouse, { browser: newBrowser(), email: 'ada@acme.test', path: at })
      for (const name of attacker.cookieNames().filter((one) => one.startsWith('gatehouse-connection'))) {
        victim.setCookie(name, attacker.cookie(name)!)
      }
      await victim.get(attacker.page.url)
      expect(victim.page.status).toBe(400)
      const { identities } = (await accountOf(gatehouse, 'ada@acme.test'))!
      expect(identities.map(({ subject }) => subject)).not.toContain(`mine${count}`)
    })

    test('linking and unlinking need a fresh sign-in', async () => {
      const browser = await openSecurity('grace@globex.test')
      const csrf = browser.hidden('_csrf')!
      const { db } = gatehouse.database
      await sql`update protocol_state set payload = jsonb_set(payload::jsonb, '{loginTs}', to_jsonb(extract(epoch from now())::int - 700))
        where model = 'Session'`.execute(db)
      for (const [path, fields] of [
        ['link', { connection: 'everybody' }],
        ['unlink', { identity: 'idn_x' }],
      ] as const) {
        await browser.post(`${gatehouse.url}${at}/${path}`, { _csrf: csrf, ...fields })
        expect([path, browser.page.html.includes('data-test="password"')]).toEqual([path, true])
      }
      await browser.get(`${gatehouse.url}${at}`)
      expect(browser.page.html).toContain('data-test="confirm-identities"')
      expect(browser.page.html).not.toContain('data-test="link-everybody"')
    })
  })

  test('pressing a button twice is no harm', async () => {
    acme.person = { sub: `twice${count}`, name: 'Twice', email: `twice${count}@acme.test`, email_verified: true }
    const { browser } = await through('acme', 'acme')
    expect(isAtRelyingParty(browser)).toBe(true)
    await browser.get(`${gatehouse.url}/o/acme`)
    await browser.submit({ connection: 'acme' })
    await pressConnection(browser, 'acme').catch(() => {})
    expect(textOf(browser, 'organization-name')).toBe('Acme Corporation')
  })
})
