import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, redirectUri, setup, startGatehouse } from '#support/gatehouse.ts'
import { createKey, signInTo } from '#support/keys.ts'
import { signIn } from '#support/relying-party.ts'
import { isSignedOut, openAccount, pathOf, textOf } from '#support/signed-in.ts'

const thirdParty = `
  - client_id: dashboard
    client_name: Dashboard
    redirect_uris: [${redirectUri}]
    token_endpoint_auth_method: none
    grant_types: [authorization_code, refresh_token]`

describe.each(availableDatabases())('how a person goes, on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({
      database,
      setup: setup.replace('\nclients:', `\nclients:${thirdParty}`),
      config: { signUp: 'open' },
    })
  })
  afterAll(() => gatehouse.stop())

  const at = (path: string) => `${gatehouse.url}${path}`
  const introspected = async (token: string) => (await gatehouse.introspect(token)).json.active

  test('what an application was allowed is taken back, and its tokens end', async () => {
    const { browser, tokens } = await signIn(gatehouse.url, { clientId: 'dashboard', email: 'grace@globex.test' })
    expect(await introspected(tokens.access_token)).toBe(true)
    await openAccount(gatehouse, { email: 'grace@globex.test', path: '/account/applications', browser })
    expect(textOf(browser, 'application-dashboard')).toContain('Dashboard in Globex')
    await browser.submit({ client_id: 'dashboard' }, '/disallow')
    expect(browser.page.html).toContain('data-test="none"')
    expect(await introspected(tokens.access_token)).toBe(false)
  })

  test('a member leaves: nothing of theirs works there any more, and all of it elsewhere', async () => {
    // S2-31
    const here = await signInTo(gatehouse, 'globex')
    const there = await signInTo(gatehouse, 'acme')
    const [left, stays] = [await createKey(gatehouse, here), await createKey(gatehouse, there)]
    const browser = await openAccount(gatehouse, { pick: 'acme', path: '/account/organizations' })
    await browser.get(at('/account/organizations/globex/leave'))
    await browser.submit({}, '/leave')
    expect(pathOf(browser)).toBe('/account/organizations')
    expect(browser.page.html).not.toContain('Globex')
    expect([await introspected(left.key), await introspected(stays.key)]).toEqual([false, true])
    await browser.get(at('/account/organizations/globex/leave'))
    expect(browser.page.status).toBe(404)
  })

  test('the last administrator neither leaves nor goes, and is told why', async () => {
    const browser = await openAccount(gatehouse, { pick: 'acme', path: '/account/organizations/acme/leave' })
    await browser.submit({}, '/leave')
    expect([browser.page.status, textOf(browser, 'refusal')]).toEqual([409, expect.stringContaining('last admin')])
    await browser.get(at('/account/delete'))
    await browser.submit({ email: 'ada@acme.test' }, '/account/delete')
    expect([browser.page.status, textOf(browser, 'refusal')]).toEqual([409, expect.stringContaining('last admin')])
  })

  test('a person founds an organization, takes what is stored of them, and deletes the account', async () => {
    const browser = await openAccount(gatehouse, { email: 'grace@globex.test', path: '/account/organizations' })
    await browser.submit({ organization: '' }, '/account/organizations/new')
    expect(browser.page.status).toBe(422)
    const db = gatehouse.database.db
    const { id } = await db
      .insertInto('users')
      .values({
        id: 'usr_milton',
        email: 'milton@initech.test',
        name: 'Milton',
        emailVerifiedAt: new Date(),
        passwordHash: null,
        deactivatedAt: null,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    const { passwordHash } = await db
      .selectFrom('users')
      .select('passwordHash')
      .where('email', '=', 'grace@globex.test')
      .executeTakeFirstOrThrow()
    await db.updateTable('users').set({ passwordHash }).where('id', '=', id).execute()
    const globex = await db
      .selectFrom('organizations')
      .select('id')
      .where('slug', '=', 'globex')
      .executeTakeFirstOrThrow()
    await db
      .insertInto('memberships')
      .values({ id: 'mem_milton', organizationId: globex.id, userId: id, deactivatedAt: null })
      .execute()

    const milton = await signInTo(gatehouse, 'globex', 'milton@initech.test')
    const { key } = await createKey(gatehouse, milton)
    const his = await openAccount(gatehouse, { email: 'milton@initech.test', path: '/account/security' })
    await his.get(at('/account/data.json'))
    expect(JSON.parse(his.page.html)).toMatchObject({
      email: 'milton@initech.test',
      organizations: [{ slug: 'globex', admin: false }],
      api_keys: [{ organization: 'globex' }],
    })
    for (const secret of [key, passwordHash!, 'hash']) expect(his.page.html).not.toContain(`"${secret}"`)

    await his.get(at('/account/delete'))
    expect(textOf(his, 'delete-account')).toContain('1 API key that works')
    await his.submit({ email: 'somebody@else.test' }, '/account/delete')
    expect(his.page.status).toBe(422)
    await his.submit({ email: 'Milton@Initech.test' }, '/account/delete')
    expect(pathOf(his)).toBe('/account/signed-out')
    expect(await introspected(key)).toBe(false)
    await his.get(at('/account/profile'))
    expect(isSignedOut(his)).toBe(true)
    expect(await db.selectFrom('users').select('id').where('id', '=', id).execute()).toEqual([])
    const told = await db
      .selectFrom('auditLog')
      .select(['action', 'subjectName'])
      .where('actorId', '=', id)
      .orderBy('id')
      .execute()
    expect(told.filter(({ action }) => /deleted|removed/.test(action))).toEqual([
      { action: 'member.removed', subjectName: 'milton@initech.test' },
      { action: 'user.deleted', subjectName: 'milton@initech.test' },
    ])
  })
})
