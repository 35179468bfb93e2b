import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, password, setup } from '#support/gatehouse.ts'
import { askFor, latestLink, liveLinks, mailsTo, startWithWaitingMails, tokenOf } from '#support/mails.ts'
import { beginSignIn, enterPassword, signIn } from '#support/relying-party.ts'

const people = ['mover', 'twin', 'owner', 'victim', 'stale', 'again', 'racer', 'swap']

describe.each(availableDatabases())('changing the e-mail address on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startWithWaitingMails(database)
    const users = people.map((name) => `\n  - { email: ${name}@old.test, name: ${name}, password: "${password}" }`)
    const members = people.map((name) => `\n      - { email: ${name}@old.test }`)
    await gatehouse.apply(
      setup
        .replace('\norganizations:', `${users.join('')}\norganizations:`)
        .replace('\n      - { email: grace@globex.test', `${members.join('')}\n      - { email: grace@globex.test`),
    )
  })
  afterAll(() => gatehouse.stop())

  /** Signs in and asks for the change. @returns the signed-in browser */
  async function request(name: string, newEmail: string): Promise<Browser> {
    const { browser } = await signIn(gatehouse.url, { email: `${name}@old.test` })
    await browser.get(`${gatehouse.url}/account/email`)
    expect((await browser.submit({ email: newEmail })).status).toBe(202)
    return browser
  }

  const emailOf = async (name: string) => {
    const { db } = gatehouse.database
    return (await db.selectFrom('users').select('email').where('name', '=', name).executeTakeFirstOrThrow()).email
  }

  test('the new mailbox confirms, the old one is told, and tokens speak of the new address', async () => {
    const browser = await request('mover', 'Mover@new.test')
    const link = await latestLink(gatehouse, 'mover@new.test', 'change-email')
    // In another browser: signed in there first, whoever asked.
    const reader = new Browser()
    await reader.get(link)
    expect(reader.page.html).toContain('mover@old.test')
    await reader.submit()
    await reader.submit({ password })
    expect(reader.page.url).toBe(`${gatehouse.url}/change-email`)
    expect(await emailOf('mover')).toBe('mover@old.test')
    expect((await reader.submit()).html).toContain('Mover@new.test')
    expect(await emailOf('mover')).toBe('Mover@new.test')
    const [notice] = await mailsTo(gatehouse, 'mover@old.test')
    expect(notice).toMatchObject({ template: 'email-changed', content: { locals: { newEmail: 'Mover@new.test' } } })
    // the session goes on, under the new address
    expect((await browser.get(`${gatehouse.url}/account/profile`)).html).toContain('Mover@new.test')
    const { tokens } = await signIn(gatehouse.url, { email: 'mover@new.test' })
    expect(tokens.claims()).toMatchObject({ email: 'Mover@new.test', email_verified: true })
    const events = gatehouse.database.db
      .selectFrom('auditLog')
      .select(['before', 'after'])
      .where('action', '=', 'user.email_changed')
    expect(await events.execute()).toEqual([
      { before: { email: 'mover@old.test' }, after: { email: 'Mover@new.test' } },
    ])
    expect((await reader.get(link)).status).toBe(410)
  })

  test('a taken address gets the same answer, and the confirmation changes nothing', async () => {
    const browser = await request('twin', 'free-for-twin@new.test')
    await browser.get(`${gatehouse.url}/account/email`)
    const taken = await browser.submit({ email: 'OWNER@old.test' })
    await browser.get(`${gatehouse.url}/account/email`)
    const free = await browser.submit({ email: 'another-for-twin@new.test' })
    expect([taken.status, taken.html]).toEqual([free.status, free.html])
    await browser.get(`${gatehouse.url}/account/email`)
    await browser.submit({ email: 'owner@old.test' })
    await browser.get(await latestLink(gatehouse, 'owner@old.test', 'change-email'))
    expect((await browser.submit()).status).toBe(409)
    expect(await emailOf('twin')).toBe('twin@old.test')
    expect(await emailOf('owner')).toBe('owner@old.test')
  })

  test('every older link of both mailboxes dies with the change', async () => {
    await askFor(gatehouse, '/reset-password', 'again@old.test')
    await askFor(gatehouse, '/sign-up', 'again@new.test')
    const browser = await request('again', 'again@new.test')
    const links = [
      await latestLink(gatehouse, 'again@old.test', 'reset-password'),
      await latestLink(gatehouse, 'again@new.test', 'verify-email'),
    ]
    for (const link of links) expect((await new Browser().get(link)).status).toBe(200)
    await browser.get(await latestLink(gatehouse, 'again@new.test', 'change-email'))
    await browser.submit()
    expect(await emailOf('again')).toBe('again@new.test')
    for (const link of links) expect((await new Browser().get(link)).status).toBe(410)
    for (const email of ['again@old.test', 'again@new.test']) expect(await liveLinks(gatehouse, email)).toBe(0)
  })

  test('a newer request ends the older one, whatever its mailbox', async () => {
    await request('swap', 'first@new.test')
    const first = await latestLink(gatehouse, 'first@new.test', 'change-email')
    await request('swap', 'second@new.test')
    expect((await new Browser().get(first)).status).toBe(410)
  })

  test('a new password ends a change that a thief of the session has asked for', async () => {
    await request('victim', 'thief@evil.test')
    const link = await latestLink(gatehouse, 'thief@evil.test', 'change-email')
    await askFor(gatehouse, '/reset-password', 'victim@old.test')
    const owner = new Browser()
    await owner.get(await latestLink(gatehouse, 'victim@old.test', 'reset-password'))
    await owner.submit({ password: 'new and known to one' })
    expect((await new Browser().get(link)).status).toBe(410)
  })

  test('of twenty confirmations at once one wins', async () => {
    const browser = await request('racer', 'racer@new.test')
    const link = await latestLink(gatehouse, 'racer@new.test', 'change-email')
    await browser.get(link)
    const fields = { token: tokenOf(link), _csrf: browser.hidden('_csrf')! }
    const pages = await Promise.all(
      Array.from({ length: 20 }, () => {
        const one = new Browser()
        for (const name of browser.cookieNames()) one.setCookie(name, browser.cookie(name)!)
        return one.post(`${gatehouse.url}/change-email`, fields)
      }),
    )
    expect(pages.map((page) => page.status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 410)])
    expect(await mailsTo(gatehouse, 'racer@old.test')).toHaveLength(1)
  })

  test('nobody asks without a session, or with a sign-in older than ten minutes', async () => {
    const anonymous = await new Browser().get(`${gatehouse.url}/account/email`)
    expect(anonymous.url).toContain('/interaction/')
    const { browser } = await signIn(gatehouse.url, { email: 'stale@old.test' })
    await browser.get(`${gatehouse.url}/account/email`)
    const csrf = browser.hidden('_csrf')!
    await sql`update protocol_state set payload = jsonb_set(payload::jsonb, '{loginTs}', to_jsonb(extract(epoch from now())::int - 700))
      where model = 'Session'`.execute(gatehouse.database.db)
    const posted = await browser.post(`${gatehouse.url}/account/email`, { _csrf: csrf, email: 'stale@new.test' })
    expect(posted.html).toContain('name="password"')
    expect(await mailsTo(gatehouse, 'stale@new.test')).toEqual([])
    await browser.submit({ password })
    expect(browser.page.url).toBe(`${gatehouse.url}/account/email`)
  })

  test.each(['GRACE@globex.test', 'not an address', 'a@b.test, c@d.test', 'x@y.test\r\nBcc: z@y.test'])(
    '%j is refused at its field',
    async (email) => {
      const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
      await browser.get(`${gatehouse.url}/account/email`)
      const page = await browser.submit({ email })
      expect([page.status, page.html]).toEqual([422, expect.stringContaining('field-error')])
    },
  )

  test('the old address signs nobody in afterwards', async () => {
    const { browser } = await beginSignIn(gatehouse.url)
    await enterPassword(browser, 'mover@old.test')
    expect(browser.page.status).toBe(401)
  })
})
