import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  accountOf,
  allowed,
  answerOf,
  claimsOf,
  connect,
  countUsers,
  isAtRelyingParty,
  newBrowser,
  pressConnection,
  signInThrough,
} from '#support/federation.ts'
import { type IdentityProvider, startIdentityProvider } from '#support/identity-provider.ts'
import { beginSignIn } from '#support/relying-party.ts'
import { allAtOnce, availableStores, type Deployment, deploy, postForm, type Stores, send } from '#support/wire.ts'

describe.each(availableStores())('signing in through a connection on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let okta: IdentityProvider
  let people = 0

  /** Somebody of Acme whom nobody here has seen. */
  function newPerson(more: Record<string, unknown> = {}) {
    people += 1
    const person = {
      sub: `person-${people}`,
      name: 'Bob',
      email: `bob${people}@acme.test`,
      email_verified: true,
      ...more,
    }
    okta.person = person
    return person
  }

  const toAcme = { parameters: { organization: 'acme' } }

  beforeAll(async () => {
    okta = await startIdentityProvider()
    deployment = await deploy(store, { config: allowed(okta) })
    gatehouse = deployment.gatehouse
    const acme = { organization: 'acme', issuer: okta.issuer, defaultTeams: ['readers'] }
    const groupTeams = { sre: 'writers' }
    await connect(gatehouse, { name: 'acme-okta', displayName: 'Okta', ...acme })
    await connect(gatehouse, { name: 'acme-groups', ...acme, groupClaim: 'groups', groupTeams })
    await connect(gatehouse, { name: 'acme-closed', ...acme, jit: false })
  })
  beforeEach(() => {
    okta.lies = {}
    okta.requests.length = 0
    okta.asked.length = 0
  })
  afterAll(async () => {
    await deployment.stop()
    await okta.stop()
  })

  test('the first sign-in makes the account, and ends where the person was going', async () => {
    // S0-04, S0-05, S0-06
    const { email } = newPerson()
    const claims = await claimsOf(await signInThrough(gatehouse, 'acme-okta', toAcme))
    expect(claims).toMatchObject({ org_slug: 'acme' })
    const account = await accountOf(gatehouse, email)
    expect(account?.user).toMatchObject({ id: claims.sub, name: 'Bob', superadmin: false, passwordHash: null })
    expect(account?.user.emailVerifiedAt).not.toBeNull()
    expect(account?.teams).toMatchObject([{ slug: 'acme', admin: false, name: 'readers' }])
    const { db } = gatehouse.database
    const log = await db
      .selectFrom('authenticationLog')
      .selectAll()
      .where('userId', '=', account!.user.id)
      .where('via', '=', 'sign-in')
      .execute()
    expect(log).toMatchObject([{ outcome: 'accepted', credentialKind: 'connection', credentialName: 'acme-okta' }])
    const audit = await db
      .selectFrom('auditLog')
      .select(['action', 'actorKind', 'actorName', 'via'])
      .where('subjectName', 'like', `%${account!.user.email}%`)
      .execute()
    for (const entry of audit) {
      expect(entry).toMatchObject({ actorKind: 'connection', actorName: 'acme-okta', via: 'sign_in' })
    }
    expect(audit.map(({ action }) => action).sort()).toEqual([
      'identity.linked',
      'member.added',
      'member.teams_mapped',
      'user.created',
    ])
  })

  test('the request is made with state, nonce and PKCE S256, and passes the login hint on', async () => {
    newPerson()
    await answerOf(gatehouse, 'acme-okta', { parameters: { organization: 'acme', login_hint: 'bob@acme.test' } })
    const [asked] = okta.asked
    expect(Object.fromEntries(asked!)).toMatchObject({
      response_type: 'code',
      scope: 'openid email profile',
      redirect_uri: `${gatehouse.url}/connections/acme-okta/callback`,
      code_challenge_method: 'S256',
      login_hint: 'bob@acme.test',
    })
    for (const name of ['state', 'nonce', 'code_challenge']) expect(asked!.get(name)).toMatch(/^[\w-]{43}$/)
  })

  test('whoever has to prove who they are now has to there', async () => {
    const person = newPerson()
    await signInThrough(gatehouse, 'acme-okta', { parameters: { organization: 'acme', prompt: 'login' } })
    expect(okta.asked.at(-1)?.get('prompt')).toBe('login')
    okta.lies = { idToken: ({ claims }) => Object.assign(claims, { auth_time: Math.floor(Date.now() / 1000) - 900 }) }
    okta.person = person
    const { browser } = await signInThrough(gatehouse, 'acme-okta', {
      parameters: { organization: 'acme', prompt: 'login' },
    })
    expect(browser.page.status).toBe(400)
    expect(isAtRelyingParty(browser)).toBe(false)
  })

  test('name and address follow the provider at each sign-in', async () => {
    // S0-06
    const person = newPerson()
    const { sub } = await claimsOf(await signInThrough(gatehouse, 'acme-okta', toAcme))
    okta.person = { ...person, name: 'Robert', email: `robert${people}@acme.test` }
    const again = await claimsOf(await signInThrough(gatehouse, 'acme-okta', toAcme))
    expect(again.sub).toBe(sub)
    expect((await accountOf(gatehouse, `robert${people}@acme.test`))?.user).toMatchObject({ id: sub, name: 'Robert' })
    // an address that somebody has, or that nobody vouches for, stays with whom it belongs to
    for (const email of ['ada@acme.test', 'grace@globex.test', 'robert@elsewhere.test']) {
      okta.person = { ...person, email }
      expect((await claimsOf(await signInThrough(gatehouse, 'acme-okta', toAcme))).sub).toBe(sub)
      expect((await accountOf(gatehouse, `robert${people}@acme.test`))?.user.id).toBe(sub)
    }
    okta.person = { ...person, email: 'unverified@acme.test', email_verified: 'true' }
    await signInThrough(gatehouse, 'acme-okta', toAcme)
    expect(await accountOf(gatehouse, 'unverified@acme.test')).toBeUndefined()
  })

  test('groups become teams at each sign-in: exactly those that the connection names', async () => {
    const person = newPerson({ groups: ['sre', 'superadmins', 'auditors', 'readers'] })
    await claimsOf(await signInThrough(gatehouse, 'acme-groups', toAcme))
    const teamsNow = async () => (await accountOf(gatehouse, person.email))?.teams.map(({ name }) => name)
    expect(await teamsNow()).toEqual(['readers', 'writers'])
    expect(okta.asked.at(-1)?.get('scope')).toBe('openid email profile groups')
    const account = (await accountOf(gatehouse, person.email))!
    expect(account.user.superadmin).toBe(false)
    expect(account.teams[0]).toMatchObject({ admin: false })
    expect(account.teams[0]!.effectivePermissions.sort()).toEqual([
      'configuration-items:read',
      'configuration-items:write',
    ])
    // out of the group, or no word of groups at all: out of the team. The default team was for the first time.
    await gatehouse.database.db.deleteFrom('teamMembers').execute()
    for (const groups of [[], undefined, 'other', [{ name: 'sre' }]]) {
      okta.person = { ...person, groups }
      await claimsOf(await signInThrough(gatehouse, 'acme-groups', toAcme))
      expect(await teamsNow()).toEqual([null])
    }
    okta.person = { ...person, groups: 'sre' }
    await claimsOf(await signInThrough(gatehouse, 'acme-groups', toAcme))
    expect(await teamsNow()).toEqual(['writers'])
    expect((await accountOf(gatehouse, person.email))!.teams[0]!.effectivePermissions).toEqual([
      'configuration-items:write',
    ])
  })

  test('a connection that brings nobody in says so, and makes nobody', async () => {
    const { email } = newPerson()
    const before = await countUsers(gatehouse)
    const { browser } = await signInThrough(gatehouse, 'acme-closed', toAcme)
    expect(browser.page.status).toBe(403)
    expect(browser.page.html).toContain('You don’t have an account here yet')
    expect(browser.page.html).toContain(email)
    expect(await countUsers(gatehouse)).toBe(before)
    // and no session
    await beginSignIn(gatehouse.url, { browser, parameters: { prompt: 'none' } })
    expect(browser.page.url).toContain('error=login_required')
  })

  test('nobody is made without an address, and what is no address is none', async () => {
    const before = await countUsers(gatehouse)
    for (const email of [undefined, '', 'bob', 'a@b.test, c@d.test', 'bob\n@acme.test', 7, null]) {
      newPerson({ email })
      const { browser } = await signInThrough(gatehouse, 'acme-okta', toAcme)
      expect([email, browser.page.status]).toEqual([email, 403])
    }
    expect(await countUsers(gatehouse)).toBe(before)
  })

  test('of twenty answers at once one signs in, over all nodes, and none does again', async () => {
    newPerson()
    const { browser, callback } = await answerOf(gatehouse, 'acme-okta', toAcme)
    const { pathname, search } = new URL(callback)
    const headers = { cookie: browser.cookiesFor('/'), accept: 'text/html' }
    const ask = (port: number) => send(gatehouse, port, { path: pathname + search, headers })
    const answers = await allAtOnce(20, deployment.ports, ask)
    const winners = answers.filter(({ headers: { location } }) => location?.includes('/oauth/authorize/'))
    expect(winners).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(19)
    expect(okta.requests.filter((one) => one === 'POST /token')).toHaveLength(1)
    for (const port of deployment.ports) expect((await ask(port)).status).toBe(400)
  })

  test('two first sign-ins at once make one account', async () => {
    const { email } = newPerson()
    const before = await countUsers(gatehouse)
    const ways = await Promise.all(Array.from({ length: 6 }, () => answerOf(gatehouse, 'acme-okta', toAcme)))
    const answers = await allAtOnce(6, deployment.ports, (port, index) => {
      const { browser, callback } = ways[index]!
      const { pathname, search } = new URL(callback)
      const headers = { cookie: browser.cookiesFor('/'), accept: 'text/html' }
      return send(gatehouse, port, { path: pathname + search, headers })
    })
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(303))
    expect(await countUsers(gatehouse)).toBe(before + 1)
    expect((await accountOf(gatehouse, email))?.identities).toHaveLength(1)
  })

  test('an answer begun on one node is good on another', async () => {
    newPerson()
    const { browser, callback, flow } = await answerOf(gatehouse, 'acme-okta', toAcme)
    const { pathname, search } = new URL(callback)
    const headers = { cookie: browser.cookiesFor('/'), accept: 'text/html' }
    const answer = await send(gatehouse, deployment.ports[1]!, { path: pathname + search, headers })
    await browser.get(answer.headers.location!)
    expect((await flow.redeem()).claims()).toMatchObject({ org_slug: 'acme' })
  })

  test('another browser, another connection, no browser: no sign-in', async () => {
    const { email } = newPerson()
    const { browser, callback } = await answerOf(gatehouse, 'acme-okta', toAcme)
    const stranger = (await answerOf(gatehouse, 'acme-okta', toAcme)).browser
    const refuses = async (url: string, by = newBrowser()) => {
      await by.get(url)
      expect([url, by.page.status]).toEqual([url, 400])
      expect(by.page.headers.get('content-type')).toContain('text/html')
      expect(by.page.html).toContain('This sign-in can’t be finished')
    }
    const visitor = newBrowser()
    for (const name of stranger.cookieNames()) visitor.setCookie(name, stranger.cookie(name)!)
    await refuses(callback, visitor)
    await refuses(callback)
    const own = newBrowser()
    for (const name of browser.cookieNames()) own.setCookie(name, browser.cookie(name)!)
    await refuses(callback.replace('acme-okta', 'acme-groups'), own)
    for (const url of ['?code=x&state=y', '', '?error=access_denied', '?state=a&state=b&code=c']) {
      await refuses(`${gatehouse.url}/connections/acme-okta/callback${url}`)
      await refuses(`${gatehouse.url}/connections/nobody/callback${url}`)
    }
    expect(await accountOf(gatehouse, email)).toBeUndefined()
    expect(okta.requests.filter((one) => one === 'POST /token')).toEqual([])
  })

  test('a HEAD request uses nothing up', async () => {
    newPerson()
    const { browser, callback } = await answerOf(gatehouse, 'acme-okta', toAcme)
    const { pathname, search } = new URL(callback)
    const headers = { cookie: browser.cookiesFor('/') }
    await send(gatehouse, deployment.ports[0]!, { method: 'HEAD', path: pathname + search, headers })
    await browser.get(callback)
    const answer = await send(gatehouse, deployment.ports[0]!, { path: pathname + search, headers })
    expect(answer.headers.location).toContain('/oauth/authorize/')
  })

  test('an interaction that is over makes nobody', async () => {
    const { email } = newPerson()
    const { browser, callback } = await answerOf(gatehouse, 'acme-okta', toAcme)
    const late = newBrowser()
    for (const name of browser.cookieNames().filter((one) => one.startsWith('gatehouse-connection'))) {
      late.setCookie(name, browser.cookie(name)!)
    }
    await late.get(callback)
    expect(late.page.status).toBe(404)
    expect(await accountOf(gatehouse, email)).toBeUndefined()
  })

  test('whoever was deactivated here stays out', async () => {
    const { email } = newPerson()
    await claimsOf(await signInThrough(gatehouse, 'acme-okta', toAcme))
    const { db } = gatehouse.database
    const { user } = (await accountOf(gatehouse, email))!
    for (const table of ['memberships', 'users'] as const) {
      const column = table === 'users' ? 'id' : 'userId'
      const set = (deactivatedAt: Date | null) =>
        db
          .updateTable(table)
          .set({ deactivatedAt })
          .where(column as never, '=', user.id as never)
          .execute()
      await set(new Date())
      const { browser } = await signInThrough(gatehouse, 'acme-okta', toAcme)
      expect([table, browser.page.status]).toEqual([table, 403])
      await beginSignIn(gatehouse.url, { browser, parameters: { prompt: 'none' } })
      expect(browser.page.url).toContain('error=')
      await set(null)
    }
    await claimsOf(await signInThrough(gatehouse, 'acme-okta', toAcme))
  })

  test('a connection that was switched off, or whose organization is suspended, signs nobody in', async () => {
    newPerson()
    const { db } = gatehouse.database
    const { browser, callback } = await answerOf(gatehouse, 'acme-okta', toAcme)
    const switchOff = (enabled: boolean) =>
      db.updateTable('connections').set({ enabled }).where('name', '=', 'acme-okta').execute()
    await switchOff(false)
    const { browser: other } = await beginSignIn(gatehouse.url, { browser: newBrowser(), ...toAcme })
    expect(other.page.html).not.toContain('data-test="connection-acme-okta"')
    await pressConnection(other, 'acme-okta')
    expect(other.page.status).toBe(404)
    const { pathname, search } = new URL(callback)
    const headers = { cookie: browser.cookiesFor('/'), accept: 'text/html' }
    expect((await send(gatehouse, deployment.ports[0]!, { path: pathname + search, headers })).status).toBe(400)
    await switchOff(true)
  })

  test('the way to a provider begins with a form of ours', async () => {
    const { browser } = await beginSignIn(gatehouse.url, { browser: newBrowser(), ...toAcme })
    const { url } = browser.page
    expect(browser.page.headers.get('content-security-policy')).toContain(okta.issuer)
    await browser.post(`${url}/connection`, { connection: 'acme-okta' })
    expect(browser.page.status).toBe(403)
    const answer = await postForm(gatehouse, new URL(`${url}/connection`).pathname, { connection: 'acme-okta' })
    expect(answer.status).toBe(403)
    expect(okta.requests).not.toContain('GET /auth')
  })

  test('a connection of another organization than the one that was asked for is none', async () => {
    const { browser } = await beginSignIn(gatehouse.url, {
      browser: newBrowser(),
      parameters: { organization: 'globex' },
    })
    await browser.submit({}, '/login').catch(() => {})
    await browser.get(
      (await beginSignIn(gatehouse.url, { browser, parameters: { organization: 'globex' } })).browser.page.url,
    )
    const csrf = browser.hidden('_csrf')!
    await browser.post(`${browser.page.url}/connection`, { _csrf: csrf, connection: 'acme-okta' })
    expect(browser.page.status).toBe(404)
  })

  test('no secret of a sign-in is in the log', async () => {
    newPerson()
    await claimsOf(await signInThrough(gatehouse, 'acme-okta', toAcme))
    const log = gatehouse.logLines.join('\n')
    for (const { state, code } of okta.asked.map((asked) => ({
      state: asked.get('state')!,
      code: asked.get('nonce')!,
    }))) {
      expect(log).not.toContain(state)
      expect(log).not.toContain(code)
    }
    expect(log).not.toContain('upstream-secret')
    expect(log).not.toMatch(/eyJ[\w-]+\.eyJ/)
  })
})
