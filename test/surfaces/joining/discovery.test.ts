import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { call } from '#support/api-requests.ts'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { type Gatehouse, password, setup, startGatehouse } from '#support/gatehouse.ts'
import { readMail } from '#support/read-mail.ts'

const more = `
  - { email: gone@acme.test, name: Gone, password: "${password}", active: false }
  - { email: left@acme.test, name: Left, password: "${password}" }
  - { email: unproven@acme.test, name: Unproven, password: "${password}" }
  - { email: suspended@hooli.test, name: Suspended, password: "${password}" }`
const setupWithMore = setup.replace('\norganizations:', `${more}\norganizations:`).replace(
  '\n  - slug: globex',
  `
      - { email: gone@acme.test }
      - { email: left@acme.test, active: false }
      - { email: unproven@acme.test }
  - slug: hooli
    name: Hooli
    active: false
    members:
      - { email: suspended@hooli.test }
  - slug: globex`,
)

const page = '/organizations/forgot'
const api = '/v1/organizations/discover'

describe.each(availableDatabases())('finding one’s organizations on %s', (database) => {
  let gatehouse: Gatehouse
  /** Its mails wait: nothing listens at its mail server's port. */
  beforeAll(async () => {
    gatehouse = await startGatehouse({
      database,
      setup: setupWithMore,
      config: { smtpUrl: `smtp://127.0.0.1:${await freePort()}` },
    })
    await gatehouse.database.db
      .updateTable('users')
      .set({ emailVerifiedAt: null })
      .where('email', '=', 'unproven@acme.test')
      .execute()
  })
  afterAll(() => gatehouse.stop())

  const discover = (email: unknown) => call(gatehouse, api, { json: { email } })

  /** What waits since, with what is dropped where it would be sent. */
  async function mailsOf(work: () => Promise<unknown>) {
    const { db } = gatehouse.database
    await db.deleteFrom('mailOutbox').execute()
    await work()
    const rows = await db.selectFrom('mailOutbox').select(['template', 'content']).orderBy('createdAt').execute()
    const encryption = encryptionWith(gatehouse.config.encryptionKeys)
    // What is over was dropped: nothing else leaves this server.
    return rows.map(({ template, content }) =>
      content ? { template, ...JSON.parse(encryption.decrypt(content)) } : { template, decoy: true },
    )
  }

  test.each([
    ['ada@acme.test', ['Acme Corporation', 'Globex']],
    ['  ADA@Acme.TEST ', ['Acme Corporation', 'Globex']],
    ['grace@globex.test', ['Globex']],
  ])('%j is mailed each organization and its login address', async (email, names) => {
    // S2-12, S2-13
    const [mail, ...others] = await mailsOf(() => discover(email))
    expect(others).toEqual([])
    expect(mail).toMatchObject({ template: 'organizations-list', decoy: false })
    expect(mail.to).toBe(email.trim().toLowerCase())
    expect(mail.locals.organizations.map(({ name }: { name: string }) => name)).toEqual(names)
  })

  test.each([
    ['nobody is known by it', 'unknown@acme.test'],
    ['its owner has no organization', 'nobody@example.test'],
    ['it was never confirmed', 'unproven@acme.test'],
    ['its owner is deactivated', 'gone@acme.test'],
    ['the membership is deactivated', 'left@acme.test'],
    ['the organization is suspended', 'suspended@hooli.test'],
    ['being superadmin is no membership', 'root@example.test'],
  ])('an address gets no mail when %s, and the same answer', async (_, email) => {
    const mails = await mailsOf(() => discover(email))
    expect(mails).toMatchObject([{ template: 'organizations-list', decoy: true }])
    const answers = [await discover(email), await discover('grace@globex.test')]
    const [one, other] = answers.map(({ status, text, headers }) => {
      const { date: _date, 'x-request-id': _id, ...rest } = headers
      return { status, text, headers: rest }
    })
    expect(one).toEqual(other)
    expect(one).toMatchObject({ status: 202, text: '' })
  })

  test('the page answers every address alike', async () => {
    const pages: string[] = []
    await mailsOf(async () => {
      for (const email of ['grace@globex.test', 'unknown@globex.test']) {
        const browser = new Browser()
        await browser.get(gatehouse.url + page)
        await browser.submit({ email })
        expect(browser.page.status).toBe(202)
        expect(browser.page.html).toContain('data-test="organizations-sent"')
        pages.push(browser.page.html.replaceAll(email, 'somebody'))
      }
    })
    expect(pages[0]).toBe(pages[1])
  })

  test('an address gets three mails in an hour, and everybody the same answer to the fourth request', async () => {
    for (const email of ['grace@globex.test', 'unknown@globex.test']) {
      const statuses: number[] = []
      const mails = await mailsOf(async () => {
        for (const spelling of [email, email.toUpperCase(), email, email])
          statuses.push((await discover(spelling)).status)
      })
      expect([email, mails.length, statuses]).toEqual([email, 3, [202, 202, 202, 202]])
    }
  })

  test.each([
    '',
    'ada',
    'a@b.test, c@d.test',
    'a@b.test\r\nBcc: c@d.test',
    'Ada <ada@acme.test>',
    'a\0@b.test',
    'x'.repeat(260),
  ])('no mail is made for %j', async (email) => {
    const browser = new Browser()
    const mails = await mailsOf(async () => {
      expect((await discover(email)).status).toBe(422)
      await browser.get(gatehouse.url + page)
      await browser.submit({ email })
    })
    expect(mails).toEqual([])
    expect(browser.page.status).toBe(422)
    expect(browser.page.html).toContain('data-test="error"')
  })

  test('an unknown field, a missing one and other types are 422', async () => {
    for (const json of [
      {},
      { email: 1 },
      { email: ['ada@acme.test'] },
      { email: 'ada@acme.test', organization: 'acme' },
    ]) {
      expect((await call(gatehouse, api, { json })).status).toBe(422)
    }
  })

  test('the form needs the token of a page that this browser was shown, and GET asks for nothing', async () => {
    const browser = new Browser()
    const mails = await mailsOf(async () => {
      await browser.post(gatehouse.url + page, { email: 'ada@acme.test' })
      expect(browser.page.status).toBe(403)
      await browser.get(`${gatehouse.url}${page}?email=ada@acme.test`)
      // A GET there reads an organization, of which this is the slug: it asks for a credential, and no mail.
      expect((await call(gatehouse, `${api}?email=ada@acme.test`)).status).toBe(401)
    })
    expect(mails).toEqual([])
  })

  test('too many requests from one network are refused alike, on page and API, for a while', async () => {
    const known = await Promise.all(Array.from({ length: 100 }, () => discover('grace@globex.test')))
    expect(known.some(({ status }) => status === 429)).toBe(true)
    const [one, other] = [await discover('grace@globex.test'), await discover('unknown@globex.test')]
    for (const answer of [one, other]) {
      expect([answer.status, answer.json.code]).toEqual([429, 'too_many_requests'])
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    }
    const browser = new Browser()
    await browser.get(gatehouse.url + page)
    await browser.submit({ email: 'ada@acme.test' })
    expect(browser.page.status).toBe(429)
    expect(Number(browser.page.headers.get('retry-after'))).toBeGreaterThan(0)
    await gatehouse.database.pool.query({ text: 'delete from rate_limits' })
  })

  test('no address is in the log', () => {
    expect(gatehouse.logLines.join('\n')).not.toMatch(/(?:ada|grace|unknown)@/i)
  })
})

test('without a mail server the mail is a file, and its links are login pages that work', async () => {
  const gatehouse = await startGatehouse()
  try {
    const browser = new Browser()
    await browser.get(gatehouse.url + page)
    await browser.submit({ email: 'ada@acme.test' })
    const outbox = join(gatehouse.config.dataDir, 'outbox')
    const mail = await vi.waitFor(
      () => {
        const [file] = readdirSync(outbox).filter((name) => name.endsWith('.eml'))
        return readMail(readFileSync(join(outbox, file!), 'utf8'))
      },
      { timeout: 10_000, interval: 50 },
    )
    expect(mail.headers.to).toBe('ada@acme.test')
    const links = [...mail.text.matchAll(/https?:\S+/g)].map(([link]) => link).filter((link) => link.includes('/o/'))
    expect(links).toEqual([`${gatehouse.url}/o/acme`, `${gatehouse.url}/o/globex`])
    for (const link of links) {
      await browser.get(link)
      expect([browser.page.status, browser.page.html]).toEqual([200, expect.stringContaining('name="email"')])
    }
  } finally {
    await gatehouse.stop()
  }
})
