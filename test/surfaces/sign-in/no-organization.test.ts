import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { beginSignIn, enterPassword } from '#support/relying-party.ts'
import { textOf } from '#support/signed-in.ts'

const email = 'nobody@example.test'

describe.each(availableDatabases())('a person without an organization, on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database, config: { signUp: 'open' } })
  })
  afterAll(() => gatehouse.stop())

  async function arrive(who = email) {
    const flow = await beginSignIn(gatehouse.url)
    await enterPassword(flow.browser, who)
    expect(flow.browser.page.html).toContain('data-test="no-organization"')
    return flow
  }

  test('a name that is none is told at its field, and founds nothing', async () => {
    const { browser } = await arrive()
    const page = await browser.submit({ organization: ' ' }, '/new-organization')
    expect([page.status, textOf(browser, 'error')]).toEqual([422, 'Fill this in.'])
  })

  test('a name that looks like another organization’s is told at its field, and founds nothing', async () => {
    const { browser } = await arrive()
    const page = await browser.submit({ organization: 'Асme  Corporation' }, '/new-organization')
    expect([page.status, textOf(browser, 'error')]).toEqual([
      422,
      expect.stringContaining('An organization of this name exists already'),
    ])
    expect(page.html).toContain('value="Асme  Corporation"')
  })

  test('may sign out, go back, or be somebody else', async () => {
    const { browser } = await arrive()
    expect(browser.page.html).toContain('href="/oauth/logout"')
    expect(browser.page.html).toContain('data-test="not-you"')
    await browser.submit({}, '/abort')
    expect(new URL(browser.page.url).searchParams.get('error')).toBe('access_denied')
  })

  test('makes one, of ten forms at once a single one, and may do everything in it', async () => {
    const { browser, redeem } = await arrive()
    const action = /action="([^"]*\/new-organization)"/.exec(browser.page.html)![1]!
    const body = { organization: 'Noor Labs', _csrf: browser.hidden('_csrf')! }
    const post = () =>
      fetch(new URL(action, gatehouse.url), {
        method: 'POST',
        headers: { cookie: browser.cookiesFor(action), accept: 'text/html' },
        body: new URLSearchParams(body),
        redirect: 'manual',
      })
    await Promise.all(Array.from({ length: 9 }, post))
    await browser.submit({ organization: 'Noor Labs' }, '/new-organization')
    const tokens = await redeem()
    expect(tokens.claims()).toMatchObject({ org_slug: 'noor-labs' })
    const { json } = await gatehouse.introspect(tokens.access_token)
    expect(json).toMatchObject({ active: true, permissions: ['*'], data_scopes: [{ source: null, scope_id: null }] })
    const founded = await gatehouse.database.db
      .selectFrom('organizations')
      .select('slug')
      .where('name', '=', 'Noor Labs')
    expect(await founded.execute()).toEqual([{ slug: 'noor-labs' }])
  })

  test('who has got one meanwhile goes on in it, when the page is loaded again', async () => {
    const suspended = (suspendedAt: Date | null) =>
      gatehouse.database.db.updateTable('organizations').set({ suspendedAt }).where('slug', '=', 'globex').execute()
    await suspended(new Date())
    const { browser, redeem } = await arrive('grace@globex.test')
    await suspended(null)
    await browser.get(browser.page.url)
    expect((await redeem()).claims()).toMatchObject({ org_slug: 'globex' })
  })

  test('who has one left of several goes on in it, when the chooser is loaded again', async () => {
    const { db } = gatehouse.database
    const { browser, redeem } = await beginSignIn(gatehouse.url)
    await enterPassword(browser, 'ada@acme.test')
    expect(browser.page.html).toContain('data-test="select-organization"')
    await db.updateTable('organizations').set({ suspendedAt: new Date() }).where('slug', '=', 'globex').execute()
    await browser.get(browser.page.url)
    expect((await redeem()).claims()).toMatchObject({ org_slug: 'acme' })
    await db.updateTable('organizations').set({ suspendedAt: null }).where('slug', '=', 'globex').execute()
  })

  test('is told the name of the one that is suspended', async () => {
    const { db } = gatehouse.database
    const suspend = (suspendedAt: Date | null) =>
      db.updateTable('organizations').set({ suspendedAt }).where('slug', '=', 'globex').execute()
    await suspend(new Date())
    const { browser } = await arrive('grace@globex.test')
    expect(textOf(browser, 'suspended')).toContain('Globex')
    await suspend(null)
  })

  test('whose address was never proven is not offered to make one', async () => {
    const { db } = gatehouse.database
    await db
      .deleteFrom('memberships')
      .where('userId', 'in', db.selectFrom('users').select('id').where('email', '=', email))
      .execute()
    await db.updateTable('users').set({ emailVerifiedAt: null }).where('email', '=', email).execute()
    const { browser } = await arrive()
    expect(browser.page.html).not.toContain('/new-organization')
  })
})

test('where signing up is closed, no organization is made', async () => {
  const gatehouse = await startGatehouse({ database: 'embedded' })
  try {
    const { browser } = await beginSignIn(gatehouse.url)
    await enterPassword(browser, email, password)
    expect(browser.page.html).not.toContain('/new-organization')
    const address = `${browser.page.url.split('?')[0]}/new-organization`
    const answer = await browser.post(address, { organization: 'Mine', _csrf: browser.hidden('_csrf')! })
    expect(answer.status).toBe(404)
  } finally {
    await gatehouse.stop()
  }
})
