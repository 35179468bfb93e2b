import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { verifyPassword } from '#authentication/passwords/password.ts'
import { Browser } from '#support/browser.ts'
import { availableDatabases, postgresAvailable } from '#support/databases.ts'
import { connect } from '#support/federation.ts'
import {
  basic,
  type Gatehouse,
  password,
  resourceServer,
  setup,
  startAnotherNode,
  startGatehouse,
} from '#support/gatehouse.ts'
import { createKey, isLive, signInTo } from '#support/keys.ts'
import {
  askFor,
  deadLink,
  dumpTables,
  latestLink,
  letLinksExpire,
  mailsTo,
  startWithWaitingMails,
  tokenOf,
} from '#support/mails.ts'
import { readMail } from '#support/read-mail.ts'
import { beginSignIn, enterPassword, signIn } from '#support/relying-party.ts'
import { postForm } from '#support/wire.ts'

const newPassword = 'seven small boats at anchor'
const more = `
  - { email: sleeper@example.test, name: Sleeper, password: "${password}", active: false }
  - { email: unset@globex.test, name: Unset }`
const setupWithMore = setup.replace('\norganizations:', `${more}\norganizations:`)

describe.each(availableDatabases())('a forgotten password on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startWithWaitingMails(database)
    await gatehouse.apply(setupWithMore)
  })
  afterAll(() => gatehouse.stop())

  async function linkFor(email: string): Promise<string> {
    expect((await askFor(gatehouse, '/reset-password', email)).status).toBe(202)
    return latestLink(gatehouse, email, 'reset-password')
  }

  /** Limits and mails of a test are its own: each has people of its own. */
  async function newUser(name: string): Promise<string> {
    const email = `${name}@reset.test`
    const users = `\n  - { email: "${email}", name: "${name}", password: "${password}" }`
    const members = `\n      - { email: "${email}" }`
    await gatehouse.apply(
      setupWithMore
        .replace('\norganizations:', `${users}\norganizations:`)
        .replace('\n      - { email: grace@globex.test', `${members}\n      - { email: grace@globex.test`),
    )
    return email
  }

  const forgetLimits = () => sql`delete from rate_limits`.execute(gatehouse.database.db)

  test('the link sets a new password, and the old one opens nothing any more', async () => {
    const email = await newUser('forgetful')
    await gatehouse.database.db.updateTable('users').set({ emailVerifiedAt: null }).where('email', '=', email).execute()
    const browser = new Browser()
    await browser.get(await linkFor(email))
    expect(browser.page.html).toContain(email)
    const page = await browser.submit({ password: newPassword })
    expect([page.status, page.html]).toEqual([200, expect.stringContaining('Your password is changed')])

    const { tokens } = await signIn(gatehouse.url, { email, secret: newPassword })
    expect(tokens.claims()).toMatchObject({ email_verified: true })
    const old = await beginSignIn(gatehouse.url)
    await enterPassword(old.browser, email, password)
    expect(old.browser.page.status).toBe(401)
    expect((await mailsTo(gatehouse, email)).map((mail) => mail.template)).toEqual([
      'reset-password',
      'password-changed',
    ])
    const audit = gatehouse.database.db.selectFrom('auditLog').select('action').where('subjectName', '=', email)
    expect((await audit.execute()).map((row) => row.action)).toContain('user.password_reset')
  })

  test('every session and token of the person ends at once', async () => {
    const email = await newUser('hunted')
    const { browser, tokens } = await signIn(gatehouse.url, { email })
    expect((await gatehouse.introspect(tokens.access_token)).json.active).toBe(true)
    const owner = new Browser()
    await owner.get(await linkFor(email))
    await owner.submit({ password: newPassword })
    for (const token of [tokens.access_token, tokens.refresh_token!]) {
      expect((await gatehouse.introspect(token)).text).toBe('{"active":false}')
    }
    const again = await beginSignIn(gatehouse.url, { browser })
    expect(again.browser.page.html).toContain('name="email"')
  })

  test('a proven account’s keys and ways to sign in end with a reset on demand, and are named', async () => {
    const email = await newUser('thorough')
    const { db } = gatehouse.database
    const { id } = await db.selectFrom('users').select('id').where('email', '=', email).executeTakeFirstOrThrow()
    const connectionId = await connect(gatehouse, {
      name: 'thorough',
      displayName: 'Thorough ID',
      issuer: 'https://id.test',
    })
    await db
      .insertInto('identities')
      .values({ id: 'ide_thorough', connectionId, issuer: 'https://id.test', subject: 's', userId: id, email: null })
      .execute()
    const by = await signInTo(gatehouse, 'globex', email)
    const { key } = await createKey(gatehouse, by, { name: 'Nightly export' })
    const identities = () => db.selectFrom('identities').select('id').where('userId', '=', id).execute()

    const careless = new Browser()
    await careless.get(await linkFor(email))
    for (const named of ['Revoke my API keys: Nightly export', 'sign in: Thorough ID', 'Asked', '127.0.0.0/24']) {
      expect(careless.page.html).toContain(named)
    }
    expect(careless.page.html).not.toContain('checked')
    await careless.submit({ password: newPassword })
    expect([await isLive(gatehouse, key), (await identities()).length]).toEqual([true, 1])
    const [mail] = await mailsTo(gatehouse, email)
    expect(mail!.content.locals).toMatchObject({
      alsoOpening: ['Nightly export', 'Thorough ID'],
      asked: { place: '127.0.0.0/24' },
    })

    const thorough = new Browser()
    await thorough.get(await linkFor(email))
    await thorough.submit({ password: 'short', end_api_keys: 'yes' })
    expect(thorough.page.html).toContain('checked')
    await thorough.submit({ password: `${newPassword} again`, end_identities: 'yes' })
    expect([await isLive(gatehouse, key), await identities()]).toEqual([false, []])
  })

  test('known, unknown, deactivated and passwordless look the same; who may not use a password gets no mail', async () => {
    const browser = new Browser()
    const pages = []
    for (const email of ['root@example.test', 'unknown@example.test', 'sleeper@example.test', 'unset@globex.test']) {
      const { status, html, headers } = await askFor(gatehouse, '/reset-password', email, browser)
      pages.push({ status, html, type: headers.get('content-type'), cache: headers.get('cache-control') })
    }
    for (const page of pages) expect(page).toEqual(pages[0])
    expect(pages[0]).toMatchObject({ status: 202, cache: 'no-store' })
    const sent = async (email: string) => (await mailsTo(gatehouse, email)).filter((mail) => !mail.decoy).length
    expect(await sent('root@example.test')).toBe(1)
    expect(await sent('unset@globex.test')).toBe(1)
    expect(await sent('unknown@example.test')).toBe(0)
    expect(await sent('sleeper@example.test')).toBe(0)
  })

  test('nobody’s link and one of another purpose open nothing', async () => {
    // A decoy is gone as soon as it is due: where delivery was faster than we are, we ask as somebody else.
    let decoy: Awaited<ReturnType<typeof mailsTo>>[number] | undefined
    for (let stranger = 1; !decoy && stranger <= 20; stranger++) {
      await askFor(gatehouse, '/reset-password', `stranger${stranger}@example.test`)
      decoy = (await mailsTo(gatehouse, `stranger${stranger}@example.test`))[0]
    }
    expect((await new Browser().get(gatehouse.url + decoy!.link)).status).toBe(410)
    await askFor(gatehouse, '/sign-up', 'another@example.test')
    const signUp = await latestLink(gatehouse, 'another@example.test', 'verify-email')
    expect((await new Browser().get(`${gatehouse.url}/new-password?token=${tokenOf(signUp)}`)).status).toBe(410)
    expect((await new Browser().get(`${gatehouse.url}/new-password`)).status).toBe(410)
    expect((await new Browser().get(`${gatehouse.url}/new-password?token=a&token=b`)).status).toBe(410)
  })

  test('a scanner uses nothing up; of twenty at once one wins', async () => {
    const email = await newUser('popular')
    const link = await linkFor(email)
    for (let scans = 0; scans < 3; scans++) expect((await new Browser().get(link)).status).toBe(200)
    const browser = new Browser()
    await browser.get(link)
    const fields = { token: tokenOf(link), _csrf: browser.hidden('_csrf')! }
    const pages = await Promise.all(
      Array.from({ length: 20 }, (_, number) => {
        const one = new Browser()
        one.setCookie('gatehouse-browser', browser.cookie('gatehouse-browser')!)
        return one.post(`${gatehouse.url}/new-password`, { ...fields, password: `${newPassword} ${number}` })
      }),
    )
    expect(pages.map((page) => page.status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 410)])
    const winner = pages.findIndex((page) => page.status === 200)
    const { passwordHash } = await gatehouse.database.db
      .selectFrom('users')
      .select('passwordHash')
      .where('email', '=', email)
      .executeTakeFirstOrThrow()
    expect(await verifyPassword(passwordHash, `${newPassword} ${winner}`)).toBe(true)
    expect((await mailsTo(gatehouse, email)).filter((mail) => mail.template === 'password-changed')).toHaveLength(1)
  })

  test('a link is dead after a newer one, after an hour, and once its person is deactivated', async () => {
    const email = await newUser('tardy')
    const older = await linkFor(email)
    const newer = await linkFor(email)
    const browser = new Browser()
    expect((await browser.get(older)).html).toMatch(deadLink)
    await browser.get(newer)
    const set = (deactivatedAt: Date | null) =>
      gatehouse.database.db.updateTable('users').set({ deactivatedAt }).where('email', '=', email).execute()
    await set(new Date())
    expect((await new Browser().get(newer)).status).toBe(410)
    await set(null)
    await letLinksExpire(gatehouse)
    expect((await browser.submit({ password: newPassword })).status).toBe(410)
  })

  test('a mistake leaves the link good', async () => {
    const email = await newUser('clumsy')
    const browser = new Browser()
    await browser.get(await linkFor(email))
    for (const mistake of ['', 'short', 'password123', 'PASSW0RD1', email.toUpperCase(), 'y'.repeat(129)]) {
      const page = await browser.submit({ password: mistake })
      expect([mistake, page.status]).toEqual([mistake, 422])
      expect(page.html).toContain('role="alert"')
    }
    const exact = '  spaces, ünïcode & <b>  '
    expect((await browser.submit({ password: exact })).status).toBe(200)
    await signIn(gatehouse.url, { email, secret: exact })
  })

  test('three mails an hour; who asks on ends no link that arrived', async () => {
    const email = await newUser('impatient')
    for (let request = 0; request < 2; request++) await linkFor(email)
    const third = await linkFor(email)
    const page = await askFor(gatehouse, '/reset-password', ` ${email.toUpperCase()} `)
    expect([page.status, Number(page.headers.get('retry-after')) > 0]).toEqual([429, true])
    // the limit's window may end before the hour of the first mail does
    await forgetLimits()
    expect((await askFor(gatehouse, '/reset-password', email)).status).toBe(202)
    expect(await mailsTo(gatehouse, email)).toHaveLength(3)
    expect((await new Browser().get(third)).status).toBe(200)
  })

  test('a hundred requests from one network, then 429', async () => {
    await forgetLimits()
    const browser = new Browser()
    await browser.get(`${gatehouse.url}/reset-password`)
    const fields = { _csrf: browser.hidden('_csrf')! }
    const ask = (number: number) =>
      browser.post(`${gatehouse.url}/reset-password`, { ...fields, email: `somebody${number}@example.test` })
    const statuses = new Map<number, number>()
    for (let request = 0; request < 101; request++) {
      const { status } = await ask(request)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    expect(Object.fromEntries(statuses)).toEqual({ 202: 100, 429: 1 })
    await forgetLimits()
  })

  test('an address is confirmed by its link', async () => {
    const email = await newUser('unproven')
    const { db } = gatehouse.database
    const set = db.updateTable('users').set({ emailVerifiedAt: null }).where('email', '=', email)
    await set.execute()
    const { browser } = await signIn(gatehouse.url, { email })
    await browser.get(`${gatehouse.url}/account/verify-email`)
    expect((await browser.submit()).status).toBe(202)
    const link = await latestLink(gatehouse, email, 'verify-email')
    const reader = new Browser()
    await reader.get(link)
    const verified = () =>
      db.selectFrom('users').select('emailVerifiedAt').where('email', '=', email).executeTakeFirst()
    expect((await verified())?.emailVerifiedAt).toBeNull()
    expect((await reader.submit()).html).toContain('Your address is confirmed')
    expect((await verified())?.emailVerifiedAt).toBeInstanceOf(Date)
    expect((await reader.get(link)).status).toBe(410)
  })

  test('a deactivated person’s session, pages and tokens die at once', async () => {
    const email = await newUser('leaver')
    const { browser, tokens } = await signIn(gatehouse.url, { email })
    expect((await browser.get(`${gatehouse.url}/account/profile`)).html).toContain(email)
    const inactive = `\n  - { email: "${email}", name: "leaver", active: false }`
    await gatehouse.apply(setupWithMore.replace('\norganizations:', `${inactive}\norganizations:`))
    expect((await gatehouse.introspect(tokens.access_token)).text).toBe('{"active":false}')
    const page = await browser.get(`${gatehouse.url}/account/profile`)
    expect(page.url).toContain('/interaction/')
    expect(page.html).not.toContain(email)
    await enterPassword(browser, email)
    expect(browser.page.status).toBe(401)
  })

  test('no link and no password can be read in a dump of the tables or in the log', async () => {
    const email = await newUser('careful')
    const link = await linkFor(email)
    const browser = new Browser()
    await browser.get(link)
    await browser.submit({ password: 'a password for the dump' })
    for (const text of [await dumpTables(gatehouse), gatehouse.logLines.join('')]) {
      expect(text).not.toContain(tokenOf(link))
      expect(text).not.toContain('a password for the dump')
    }
    expect(gatehouse.logLines.join('')).toContain('"path":"/new-password"')
  })
})

test.runIf(postgresAvailable())('a reset on one node ends sessions and tokens on another', async () => {
  const gatehouse = await startWithWaitingMails('postgres')
  const other = await startAnotherNode(gatehouse)
  try {
    const { tokens } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    const introspectThere = async () => {
      const headers = { authorization: basic(resourceServer) }
      const fields = { token: tokens.access_token }
      return (await postForm(gatehouse, '/oauth/introspect', fields, { headers, port: other.port })).text
    }
    expect(await introspectThere()).toContain('"active":true')
    await askFor(gatehouse, '/reset-password', 'grace@globex.test')
    const browser = new Browser()
    await browser.get(await latestLink(gatehouse, 'grace@globex.test', 'reset-password'))
    await browser.submit({ password: newPassword })
    expect(await introspectThere()).toBe('{"active":false}')
  } finally {
    await other.stop()
    await gatehouse.stop()
  }
})

test('without a mail server the mail is a file, whose link works', async () => {
  const gatehouse = await startGatehouse({ database: 'embedded' })
  try {
    await askFor(gatehouse, '/reset-password', 'grace@globex.test')
    const outbox = join(gatehouse.config.dataDir, 'outbox')
    const mail = await vi.waitFor(
      () => {
        const [file = ''] = readdirSync(outbox).filter((name) => name.endsWith('.eml'))
        return readMail(readFileSync(join(outbox, file), 'utf8'))
      },
      { timeout: 10_000, interval: 100 },
    )
    expect(mail.headers).toMatchObject({ to: 'grace@globex.test', subject: 'Choose a new password' })
    const browser = new Browser()
    await browser.get(/http:\/\/localhost\S+/.exec(mail.text)![0])
    expect((await browser.submit({ password: newPassword })).html).toContain('Your password is changed')
  } finally {
    await gatehouse.stop()
  }
})
