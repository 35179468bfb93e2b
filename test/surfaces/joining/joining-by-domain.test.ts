import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { connect } from '#support/federation.ts'
import { freePort } from '#support/free-port.ts'
import { type Gatehouse, setup, startGatehouse } from '#support/gatehouse.ts'
import { askFor, latestLink, mailsTo } from '#support/mails.ts'
import { beginSignIn, signIn } from '#support/relying-party.ts'

const secret = 'a quiet lake in the hills'
const joined = setup.replace('    domains: [acme.test]', '    domains: [acme.test]\n    join_by_domain: true')

// S2-03, S2-04
describe.each(availableDatabases())('joining an organization by its domain on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({
      database,
      setup: joined,
      // Closed: what an organization says of its own members is its own.
      config: { signUp: 'closed', smtpUrl: `smtp://127.0.0.1:${await freePort()}` },
    })
  })
  afterAll(() => gatehouse.stop())

  async function linkFor(email: string): Promise<string> {
    const page = await askFor(gatehouse, '/o/acme/sign-up', email)
    expect([page.status, page.html]).toEqual([202, expect.stringContaining('data-test="mail-sent"')])
    return latestLink(gatehouse, email, 'verify-email')
  }

  const letIn = (joinByDomain: boolean) =>
    gatehouse.database.db.updateTable('organizations').set({ joinByDomain }).where('slug', '=', 'acme').execute()

  test('its login page offers it, where the organization allows it', async () => {
    const browser = new Browser()
    expect((await browser.get(`${gatehouse.url}/o/acme`)).html).toContain('href="/o/acme/sign-up"')
    expect((await browser.get(`${gatehouse.url}/o/globex`)).html).not.toContain('sign-up')
    const named = await beginSignIn(gatehouse.url, { parameters: { organization: 'acme' } })
    expect(named.browser.page.html).toContain('href="/o/acme/sign-up"')
  })

  test.each(['globex', 'no-such-organization'])('%s, which does not allow it, has no such page', async (slug) => {
    expect((await new Browser().get(`${gatehouse.url}/o/${slug}/sign-up`)).status).toBe(404)
    expect((await new Browser().get(`${gatehouse.url}/o/${slug}/sign-up/details?token=x`)).status).toBe(404)
  })

  test('a proven address makes a member without any grant', async () => {
    const browser = new Browser()
    await browser.get(await linkFor('newcomer@acme.test'))
    expect(browser.page.html).toContain('Acme Corporation')
    expect(browser.page.html).not.toContain('name="organization"')
    await browser.submit({ name: 'Newcomer', password: secret, organization: 'Of my own' })
    const { tokens } = await signIn(gatehouse.url, { email: 'newcomer@acme.test', secret })
    expect(tokens.claims()).toMatchObject({ org_slug: 'acme', email_verified: true })
    expect((await gatehouse.introspect(tokens.access_token)).json).toMatchObject({ permissions: [], data_scopes: [] })
    const membership = await gatehouse.database.db
      .selectFrom('memberships')
      .innerJoin('users', 'users.id', 'memberships.userId')
      .select('admin')
      .where('email', '=', 'newcomer@acme.test')
      .execute()
    expect(membership).toEqual([{ admin: false }])
  })

  test('an address that is known gets the same page, and another mail', async () => {
    const browser = new Browser()
    const known = await askFor(gatehouse, '/o/acme/sign-up', 'ada@acme.test', browser)
    const unknown = await askFor(gatehouse, '/o/acme/sign-up', 'unknown@acme.test', browser)
    expect([known.status, known.html]).toEqual([unknown.status, unknown.html])
    expect((await mailsTo(gatehouse, 'ada@acme.test')).map((mail) => mail.template)).toEqual(['account-exists'])
  })

  test.each(['eve@elsewhere.test', 'eve@sub.acme.test', 'eve@claimed.test'])('%s is refused', async (email) => {
    const { db } = gatehouse.database
    const { id } = await db
      .selectFrom('organizations')
      .select('id')
      .where('slug', '=', 'acme')
      .executeTakeFirstOrThrow()
    await db
      .insertInto('organizationDomains')
      .values({ domain: 'claimed.test', organizationId: id, verifiedAt: null })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const page = await askFor(gatehouse, '/o/acme/sign-up', email)
    expect([page.status, page.html]).toEqual([422, expect.stringContaining('takes in its own addresses only')])
    expect(await mailsTo(gatehouse, email)).toEqual([])
  })

  test('a link is dead once the organization closes its door, and at another place', async () => {
    const link = await linkFor('late@acme.test')
    const elsewhere = link.replace('/o/acme/', '/')
    expect((await new Browser().get(elsewhere)).status).toBe(404)
    const browser = new Browser()
    await browser.get(link)
    await letIn(false)
    expect((await browser.submit({ name: 'Late', password: secret })).status).toBe(404)
    await letIn(true)
    const domains = (organization: string) =>
      gatehouse.database.db
        .updateTable('organizationDomains')
        .set({ verifiedAt: organization === 'acme' ? new Date() : null })
        .where('domain', '=', 'acme.test')
        .execute()
    await domains('nobody')
    expect((await browser.get(link)).status).toBe(410)
    await domains('acme')
    expect((await browser.get(link)).status).toBe(200)
  })

  test('an organization that takes no password is not joined by one', async () => {
    await connect(gatehouse, { name: 'sso', organization: 'acme', issuer: 'https://sso.example', required: true })
    expect((await new Browser().get(`${gatehouse.url}/o/acme/sign-up`)).status).toBe(404)
    expect((await new Browser().get(`${gatehouse.url}/o/acme`)).html).not.toContain('sign-up')
  })
})

test('who founds one with an address of such an organization is told of it', async () => {
  const gatehouse = await startGatehouse({
    database: 'embedded',
    setup: joined,
    config: { signUp: 'open', smtpUrl: `smtp://127.0.0.1:${await freePort()}` },
  })
  try {
    await askFor(gatehouse, '/sign-up', 'founder@acme.test')
    const link = await latestLink(gatehouse, 'founder@acme.test', 'verify-email')
    expect((await new Browser().get(link)).html).toContain('href="/o/acme/sign-up"')
    const atAcme = link.replace('/sign-up', '/o/acme/sign-up')
    expect((await new Browser().get(atAcme)).status).toBe(410)
  } finally {
    await gatehouse.stop()
  }
})
