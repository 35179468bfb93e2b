import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inviteMember } from '#authentication/joining/invite-member.ts'
import { withdrawInvitation } from '#authentication/joining/withdraw-invitation.ts'
import { findOrganization } from '#directory/organizations/organization-queries.ts'
import { findActor } from '#directory/users/actor.ts'
import { findUserByEmail } from '#directory/users/user-queries.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { createMailOutbox } from '#foundation/outbox/outbox.ts'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, password } from '#support/gatehouse.ts'
import {
  askFor,
  dumpTables,
  latestLink,
  letLinksExpire,
  liveLinks,
  mailsTo,
  startWithWaitingMails,
  tokenOf,
} from '#support/mails.ts'
import { enterPassword, signIn } from '#support/relying-party.ts'

const newPassword = 'under the old lighthouse'

describe.each(availableDatabases())('invitations on %s', (database) => {
  let gatehouse: Gatehouse
  let acme: Organization
  let globex: Organization
  beforeAll(async () => {
    gatehouse = await startWithWaitingMails(database, 'closed')
    acme = (await findOrganization(gatehouse.database.db, 'acme'))!
    globex = (await findOrganization(gatehouse.database.db, 'globex'))!
  })
  afterAll(() => gatehouse.stop())

  async function teamIds(organization: Organization, ...names: string[]): Promise<string[]> {
    const teams = await gatehouse.database.db
      .selectFrom('teams')
      .select('id')
      .where('organizationId', '=', organization.id)
      .where('name', 'in', names)
      .execute()
    return teams.map((team) => team.id)
  }

  async function invite(
    email: string,
    { organization = acme, teams = [] as string[], admin = false, inviter = 'ada@acme.test' } = {},
  ) {
    const { db } = gatehouse.database
    const encryption = encryptionWith(gatehouse.config.encryptionKeys)
    const outbox = createMailOutbox({ encryption, log: pino({ level: 'silent' }) })
    const user = (await findUserByEmail(db, inviter))!
    const actor = await findActor(db, { user, organizationId: organization.id })
    const { id } = await inviteMember({ db, outbox }, actor, organization, { email, admin, teamIds: teams })
    return { id, link: await latestLink(gatehouse, email, 'invitation') }
  }

  test('an invitation waits for seven days, every other link for an hour', async () => {
    await invite('holiday@elsewhere.test')
    await askFor(gatehouse, '/reset-password', 'root@example.test')
    const lifetimes = await gatehouse.database.db
      .selectFrom('mailLinks')
      .select(['purpose', sql<number>`extract(epoch from expires_at - created_at)::int`.as('seconds')])
      .where('email', 'in', ['holiday@elsewhere.test', 'root@example.test'])
      .orderBy('purpose')
      .execute()
    expect(lifetimes).toEqual([
      { purpose: 'invitation', seconds: 7 * 86_400 },
      { purpose: 'reset_password', seconds: 3_600 },
    ])
  })

  test('a new person sets name and password, and is a member with the teams that were offered', async () => {
    const { link } = await invite('bob@elsewhere.test', { teams: await teamIds(acme, 'readers', 'writers') })
    const browser = new Browser()
    await browser.get(link)
    expect(browser.page.html).toContain('Acme Corporation')
    expect(browser.page.html).toContain('Ada')
    expect((await browser.submit({ name: 'Bob', password: 'short' })).status).toBe(422)
    const page = await browser.submit({ name: 'Bob', password: newPassword })
    expect(page.url).toContain('/interaction/')
    const { tokens } = await signIn(gatehouse.url, { email: 'bob@elsewhere.test', secret: newPassword })
    expect(tokens.claims()).toMatchObject({ org_slug: 'acme', email_verified: true })
    expect((await gatehouse.introspect(tokens.access_token)).json).toMatchObject({
      permissions: ['configuration-items:read', 'configuration-items:write'],
      data_scopes: [{ source: 'kubernetes', scope_id: 'prod-cluster' }],
    })
    const actions = await gatehouse.database.db
      .selectFrom('auditLog')
      .select('action')
      .where('subjectName', '=', 'bob@elsewhere.test')
      .execute()
    expect(actions.map(({ action }) => action).sort()).toEqual([
      'invitation.accepted',
      'invitation.created',
      'member.added',
      'user.created',
    ])
    expect((await new Browser().get(link)).status).toBe(410)
  })

  test('a person without any organization signs in first, and then accepts', async () => {
    const { link } = await invite('nobody@example.test')
    const browser = new Browser()
    await browser.get(link)
    expect(browser.page.html).not.toContain('name="password"')
    await browser.submit({}, '/sign-in')
    expect(browser.page.html).toContain('nobody@example.test')
    await browser.submit({ password })
    expect(browser.page.url).toBe(`${gatehouse.url}/invitation`)
    await browser.submit({}, '/invitation')
    expect(browser.page.url).toBe(`${gatehouse.url}/account/profile`)
    const { tokens } = await signIn(gatehouse.url, { email: 'nobody@example.test' })
    expect(tokens.claims()).toMatchObject({ org_slug: 'acme' })
    expect((await browser.get(`${gatehouse.url}/invitation`)).status).toBe(410)
  })

  test('a member of another organization signs in, also after somebody else, and accepts as admin', async () => {
    const { link } = await invite('grace@globex.test', { admin: true })
    const { browser } = await signIn(gatehouse.url, {
      email: 'root@example.test',
      parameters: { organization: 'acme' },
    })
    const refused = await browser.get(link)
    expect([refused.status, refused.html]).toEqual([403, expect.stringContaining('root@example.test')])
    await browser.submit({}, '/sign-in')
    await browser.submit({ password })
    // the library signs the first person out; its page submits itself where there is JavaScript
    await browser.submit({ logout: 'yes' })
    expect(browser.page.url).toBe(`${gatehouse.url}/invitation`)
    await browser.submit({}, '/invitation')
    const { tokens } = await signIn(gatehouse.url, { email: 'grace@globex.test', pick: 'acme' })
    expect(tokens.claims()).toMatchObject({ org_slug: 'acme' })
    expect(await memberships('grace@globex.test')).toEqual([
      { slug: 'acme', admin: true },
      { slug: 'globex', admin: true },
    ])
  })

  test('an invitation for another address is refused, and stays good', async () => {
    const { link } = await invite('carol@elsewhere.test', { organization: globex, inviter: 'grace@globex.test' })
    const { browser } = await signIn(gatehouse.url, {
      email: 'root@example.test',
      parameters: { organization: 'acme' },
    })
    await browser.get(link)
    expect(browser.page.html).toContain('another address')
    const csrf = (await browser.get(`${gatehouse.url}/reset-password`)) && browser.hidden('_csrf')!
    const fields = { _csrf: csrf, token: tokenOf(link), name: 'Carol', password: newPassword }
    const forced = await browser.post(`${gatehouse.url}/invitation`, fields)
    expect(forced.status).toBe(403)
    expect(await findUserByEmail(gatehouse.database.db, 'carol@elsewhere.test')).toBeUndefined()
    expect(await memberships('root@example.test')).toEqual([])
    expect((await new Browser().get(link)).status).toBe(200)
  })

  test('without a session nobody accepts for somebody who has an account', async () => {
    const { link } = await invite('root@example.test', { organization: globex, inviter: 'grace@globex.test' })
    const browser = new Browser()
    await browser.get(link)
    const fields = { _csrf: browser.hidden('_csrf')!, token: tokenOf(link), name: 'X', password: newPassword }
    await browser.post(`${gatehouse.url}/invitation`, fields)
    expect(browser.page.html).toContain('data-test="sign-in"')
    expect(await memberships('root@example.test')).toEqual([])
  })

  test('a scanner uses nothing up; of twenty acceptances at once one wins', async () => {
    const { link } = await invite('dave@elsewhere.test')
    for (let scans = 0; scans < 3; scans++) expect((await new Browser().get(link)).status).toBe(200)
    const browser = new Browser()
    await browser.get(link)
    const body = { name: 'Dave', password: newPassword, token: tokenOf(link), _csrf: browser.hidden('_csrf')! }
    const cookie = `gatehouse-browser=${browser.cookie('gatehouse-browser')}`
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        fetch(`${gatehouse.url}/invitation`, {
          method: 'POST',
          headers: { cookie, accept: 'text/html' },
          body: new URLSearchParams(body),
          redirect: 'manual',
        }),
      ),
    )
    // who comes late may find the account there and be asked to sign in
    expect(answers.filter((answer) => answer.status === 303)).toHaveLength(1)
    expect(answers.every((answer) => [303, 410, 200].includes(answer.status))).toBe(true)
    expect(await memberships('dave@elsewhere.test')).toEqual([{ slug: 'acme', admin: false }])
  })

  test('withdrawn, renewed, expired: the link is dead', async () => {
    const { db } = gatehouse.database
    const first = await invite('erin@elsewhere.test')
    const second = await invite('ERIN@elsewhere.test', { admin: true })
    expect(second.id).toBe(first.id)
    expect((await new Browser().get(first.link)).status).toBe(410)
    const browser = new Browser()
    await browser.get(second.link)
    const withdraw = async (organization: Organization, by: string) => {
      const user = (await findUserByEmail(db, by))!
      const actor = await findActor(db, { user, organizationId: organization.id })
      await withdrawInvitation({ db }, actor, organization, second.id)
    }
    await expect(withdraw(globex, 'grace@globex.test')).rejects.toMatchObject({ code: 'not_found' })
    expect(await liveLinks(gatehouse, 'erin@elsewhere.test')).toBe(1)
    await withdraw(acme, 'ada@acme.test')
    expect(await liveLinks(gatehouse, 'erin@elsewhere.test')).toBe(0)
    await expect(withdraw(acme, 'ada@acme.test')).rejects.toMatchObject({ code: 'not_found' })
    expect((await browser.submit({ name: 'Erin', password: newPassword })).status).toBe(410)
    const third = await invite('erin@elsewhere.test')
    expect(third.id).not.toBe(first.id)
    await browser.get(third.link)
    await letLinksExpire(gatehouse)
    expect((await browser.submit({ name: 'Erin', password: newPassword })).status).toBe(410)
    expect(browser.page.html).toContain('invite you again')
  })

  test('a suspended organization takes nobody in', async () => {
    const { db } = gatehouse.database
    const { link } = await invite('frank@elsewhere.test', { organization: globex, inviter: 'grace@globex.test' })
    const suspend = (suspendedAt: Date | null) =>
      db.updateTable('organizations').set({ suspendedAt }).where('id', '=', globex.id).execute()
    await suspend(new Date())
    expect((await new Browser().get(link)).status).toBe(410)
    await suspend(null)
  })

  test('a team that is gone by then is left out', async () => {
    const { db } = gatehouse.database
    await db
      .insertInto('teams')
      .values({ id: 'team_shortlived', organizationId: acme.id, name: 'short-lived' })
      .execute()
    const teams = [...(await teamIds(acme, 'readers')), 'team_shortlived']
    const { link } = await invite('gina@elsewhere.test', { teams })
    await db.deleteFrom('teams').where('id', '=', 'team_shortlived').execute()
    const browser = new Browser()
    await browser.get(link)
    await browser.submit({ name: 'Gina', password: newPassword })
    const { tokens } = await signIn(gatehouse.url, { email: 'gina@elsewhere.test', secret: newPassword })
    expect((await gatehouse.introspect(tokens.access_token)).json.permissions).toEqual(['configuration-items:read'])
  })

  test('what an admin may not invite', async () => {
    const foreign = await teamIds(globex, 'auditors')
    for (const [email, options, code] of [
      ['x@y.test\r\nBcc: z@y.test', {}, 'validation_failed'],
      ['a@b.test, c@d.test', {}, 'validation_failed'],
      ['hugo@elsewhere.test', { teams: foreign }, 'validation_failed'],
      ['Ada@acme.test', {}, 'conflict'],
    ] as const) {
      await expect(invite(email, options as never)).rejects.toMatchObject({ code })
    }
    for (let round = 0; round < 3; round++) await invite('iris@elsewhere.test')
    await expect(invite('iris@elsewhere.test')).rejects.toMatchObject({ code: 'too_many_requests' })
    expect(await mailsTo(gatehouse, 'iris@elsewhere.test')).toHaveLength(3)
  })

  test('names on the page are inert', async () => {
    const { db } = gatehouse.database
    const name = '<script>alert(1)</script>'
    await db.updateTable('organizations').set({ name }).where('id', '=', globex.id).execute()
    const organization = { ...globex, name }
    const { link } = await invite('jane@elsewhere.test', { organization, inviter: 'grace@globex.test' })
    const { html } = await new Browser().get(link)
    expect(html).not.toContain('<script>')
    expect(html).toContain('&lt;script&gt;')
    await db.updateTable('organizations').set({ name: 'Globex' }).where('id', '=', globex.id).execute()
  })

  test('neither a link nor its way through the sign-in is readable in the tables or the log', async () => {
    await gatehouse.database.db
      .deleteFrom('memberships')
      .where('userId', '=', (await findUserByEmail(gatehouse.database.db, 'nobody@example.test'))!.id)
      .execute()
    const { link } = await invite('nobody@example.test', { organization: globex, inviter: 'grace@globex.test' })
    const browser = new Browser()
    await browser.get(link)
    await browser.submit({}, '/sign-in')
    for (const text of [await dumpTables(gatehouse), gatehouse.logLines.join('')]) {
      expect(text).not.toContain(tokenOf(link))
    }
    await enterPassword(browser, 'nobody@example.test')
    expect(browser.page.html).toContain('Globex')
  })

  function memberships(email: string) {
    return gatehouse.database.db
      .selectFrom('memberships as m')
      .innerJoin('users as u', 'u.id', 'm.userId')
      .innerJoin('organizations as o', 'o.id', 'm.organizationId')
      .select(['o.slug', 'm.admin'])
      .where('u.email', '=', email)
      .orderBy('o.slug')
      .execute()
  }
})
