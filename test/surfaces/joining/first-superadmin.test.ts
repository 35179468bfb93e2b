import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { authenticate, call, databases } from '#support/api-requests.ts'
import { Browser } from '#support/browser.ts'
import { type Gatehouse, setup, startGatehouse } from '#support/gatehouse.ts'
import { pathOf } from '#support/signed-in.ts'

const person = { name: 'Rosa', email: 'rosa@example.test', password: 'under the old lighthouse' }

describe.each(databases)('the first superadmin on %s', (database) => {
  let gatehouse: Gatehouse
  beforeEach(async () => {
    gatehouse = await startGatehouse({ database, setup: '{}' })
  })
  afterEach(() => gatehouse.stop())

  const makeLink = async () => (await gatehouse.makeFirstSuperadminLink())!

  async function opened(link: string): Promise<Browser> {
    const browser = new Browser()
    await browser.get(link)
    return browser
  }

  test('is created by the link that a start shows, which then is dead, and signs in with a password of their own', async () => {
    const link = await makeLink()
    expect(link).toMatch(/^http:\/\/localhost:\d+\/setup\?token=[\w-]{43}$/)
    const browser = await opened(link)
    // Looking consumes nothing, and a mistake neither.
    expect((await browser.get(link)).status).toBe(200)
    const refused = await browser.submit({ ...person, email: 'rosa', password: 'password1' })
    expect([refused.status, refused.html]).toEqual([422, expect.stringContaining('an e-mail address')])
    expect(refused.html).not.toContain('password1')
    await browser.submit(person)
    expect(browser.page.html).toContain('rosa@example.test')
    await browser.submit({ password: person.password })
    // There is no organization yet: a superadmin founds the first, though nobody may sign up.
    expect(browser.page.html).toContain('data-test="no-organization"')
    await browser.submit({ organization: 'Harbour' }, '/new-organization')
    expect(pathOf(browser)).toBe('/account/profile')
    expect((await opened(link)).page.status).toBe(410)
    expect(await gatehouse.makeFirstSuperadminLink()).toBeUndefined()

    const { db } = gatehouse.database
    expect(await db.selectFrom('users').select(['email', 'name', 'superadmin']).execute()).toEqual([
      { email: person.email, name: 'Rosa', superadmin: true },
    ])
    const events = await db.selectFrom('auditLog').selectAll().where('action', '=', 'user.created').execute()
    expect(events).toHaveLength(1)
    expect(JSON.stringify(events)).toContain('first_start')
    expect(JSON.stringify(events)).toContain('"superadmin":true')
  })

  test('founds an organization with it, so that a program goes on from there', async () => {
    const browser = await opened(await makeLink())
    await browser.submit({ ...person, organization: 'Harbour' })
    const { status, json } = await authenticate(gatehouse, { email: person.email, password: person.password })
    expect([status, json.organization]).toMatchObject([200, { slug: 'harbour', name: 'Harbour' }])
    const { json: me } = await call(gatehouse, '/v1/me', {
      headers: { authorization: `Bearer ${json.access_token}` },
    })
    expect(me.user).toMatchObject({ superadmin: true })
  })

  test('is one: of two posts at once, with one link or with an older one, one wins', async () => {
    const older = await makeLink()
    const early = await opened(older)
    expect(early.page.status).toBe(200)
    const link = await makeLink()
    expect((await early.submit(person)).status).toBe(410)
    const browsers = await Promise.all([1, 2, 3].map(() => opened(link)))
    const pages = await Promise.all(
      browsers.map((browser, n) => browser.submit({ ...person, email: `rosa${n}@example.test` })),
    )
    expect(pages.map(({ status }) => status).sort()).toEqual([200, 410, 410])
    expect(await gatehouse.database.db.selectFrom('users').select('id').execute()).toHaveLength(1)
  })

  test('is nobody by a link after its hour, without its secret, or once there is any user', async () => {
    const link = await makeLink()
    const late = await opened(link)
    const { db } = gatehouse.database
    await db
      .updateTable('firstSuperadminLink')
      .set({ expiresAt: new Date(Date.now() - 1000) })
      .execute()
    expect((await late.submit(person)).status).toBe(410)
    expect((await opened(`${gatehouse.url}/setup?token=${'A'.repeat(43)}`)).page.status).toBe(410)
    expect((await opened(`${gatehouse.url}/setup`)).page.status).toBe(410)

    const beaten = await opened(await makeLink())
    await gatehouse.apply(setup)
    expect((await beaten.submit(person)).status).toBe(410)
    expect(await db.selectFrom('users').select('id').where('email', '=', person.email).execute()).toEqual([])
  })

  test('takes a form that this browser was shown', async () => {
    const token = new URL(await makeLink()).searchParams.get('token')!
    expect((await new Browser().post(`${gatehouse.url}/setup`, { ...person, token })).status).toBe(403)
    expect(await gatehouse.database.db.selectFrom('users').select('id').execute()).toEqual([])
  })
})
