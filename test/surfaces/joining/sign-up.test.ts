import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { foundOrganization } from '#directory/organizations/found-organization.ts'
import { call } from '#support/api-requests.ts'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, password, startAnotherNode, startGatehouse } from '#support/gatehouse.ts'
import { askFor, deadLink, latestLink, letLinksExpire, mailsTo, startWithWaitingMails } from '#support/mails.ts'
import { beginSignIn, signIn } from '#support/relying-party.ts'
import { textOf } from '#support/signed-in.ts'
import { postForm } from '#support/wire.ts'

const newPassword = 'a quiet lake in the hills'

// S2-04, S2-05
describe.each(availableDatabases())('signing up on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startWithWaitingMails(database)
  })
  afterAll(() => gatehouse.stop())

  const details = { name: 'Mary', password: newPassword, organization: 'Analytical Engines' }

  async function linkFor(email: string): Promise<string> {
    const page = await askFor(gatehouse, '/sign-up', email)
    expect([page.status, page.html]).toEqual([202, expect.stringContaining('data-test="mail-sent"')])
    return latestLink(gatehouse, email, 'verify-email')
  }

  test('a new person proves their address, founds an organization and signs in as its admin', async () => {
    const browser = new Browser()
    await browser.get(await linkFor('mary@engines.test'))
    expect(browser.page.html).toContain('mary@engines.test')
    const page = await browser.submit(details)
    expect(page.url).toContain('/interaction/')
    expect(page.html).toContain('mary@engines.test')

    const { tokens } = await signIn(gatehouse.url, { email: 'mary@engines.test', secret: newPassword })
    expect(tokens.claims()).toMatchObject({ org_slug: 'analytical-engines', email_verified: true, name: 'Mary' })
    const { json } = await gatehouse.introspect(tokens.access_token)
    expect(json).toMatchObject({ active: true, superadmin: false })
    expect(json.permissions).toEqual(['*'])
    expect(json.data_scopes).toEqual([{ source: null, scope_id: null }])
    const audit = await auditOf('mary@engines.test')
    expect(audit).toEqual(['member.added', 'organization.created', 'user.created'])
  })

  test('known and unknown addresses get the same answer to the byte, and only their mails differ', async () => {
    const browser = new Browser()
    await browser.get(`${gatehouse.url}/sign-up`)
    const known = await askFor(gatehouse, '/sign-up', 'Grace@Globex.test', browser)
    const unknown = await askFor(gatehouse, '/sign-up', 'unknown@globex.test', browser)
    expect([known.status, known.html]).toEqual([unknown.status, unknown.html])
    expect((await mailsTo(gatehouse, 'grace@globex.test')).map((mail) => mail.template)).toEqual(['account-exists'])
    expect((await mailsTo(gatehouse, 'unknown@globex.test')).map((mail) => mail.template)).toEqual(['verify-email'])
  })

  test('an address of a verified domain founds an organization like any other', async () => {
    const browser = new Browser()
    await browser.get(await linkFor('founder@acme.test'))
    expect(browser.page.html).not.toContain('Acme Corporation')
    await browser.submit({ ...details, organization: 'Of my own' })
    const { tokens } = await signIn(gatehouse.url, { email: 'founder@acme.test', secret: newPassword })
    expect(tokens.claims()).toMatchObject({ org_slug: 'of-my-own' })
  })

  test('a founder invites people and gives them permissions at once', async () => {
    const browser = new Browser()
    await browser.get(await linkFor('first@guild.test'))
    await browser.submit({ ...details, organization: 'Guild' })
    const { tokens } = await signIn(gatehouse.url, { email: 'first@guild.test', secret: newPassword })
    const { status } = await call(gatehouse, '/v1/organizations/guild/members', {
      json: { email: 'second@guild.test', admin: true },
      headers: { authorization: `Bearer ${tokens.access_token}` },
    })
    expect(status).toBe(202)
    const page = await new Browser().get(await latestLink(gatehouse, 'second@guild.test', 'invitation'))
    expect(page.html).toContain('Guild')
  })

  /** Ten people who are each about to name their organization. */
  function tenFounders(domain: string) {
    return Promise.all(
      Array.from({ length: 10 }, async (_, number) => {
        const browser = new Browser()
        await browser.get(await linkFor(`founder${number}@${domain}`))
        return browser
      }),
    )
  }

  test('of ten people who name their organization alike at once one founds it, and nine lose nothing', async () => {
    const browsers = await tenFounders('many.test')
    const spellings = ['Söhne & Co.', 'SOHNE & CO', 'Söhne&Co', 'Sоhne & Cо.', 'Ｓｏｈｎｅ & Co.']
    const pages = await Promise.all(
      browsers.map((browser, number) => browser.submit({ ...details, organization: spellings[number % 5]! })),
    )
    expect(pages.filter((page) => page.url.includes('/interaction/'))).toHaveLength(1)
    const losers = browsers.filter((browser) => browser.page.status === 422)
    expect(losers).toHaveLength(9)
    for (const [number, browser] of losers.entries()) {
      expect(textOf(browser, 'error')).toContain('An organization of this name exists already')
      expect(browser.page.html).toContain('value="Mary"')
      const page = await browser.submit({ ...details, organization: `${'abcdefghi'[number]} of nine` })
      expect(page.url).toContain('/interaction/')
    }
  })

  test('ten names without a Latin letter at once get ten slugs', async () => {
    const browsers = await tenFounders('kana.test')
    const pages = await Promise.all(
      browsers.map((browser, number) => browser.submit({ ...details, organization: 'かきくけこさしすせそ'[number]! })),
    )
    expect(pages.every((page) => page.url.includes('/interaction/'))).toBe(true)
    const rows = await gatehouse.database.db
      .selectFrom('organizations')
      .select('slug')
      .where('slug', 'like', 'organization%')
      .execute()
    expect(new Set(rows.map((row) => row.slug))).toEqual(
      new Set(['organization', ...Array.from({ length: 9 }, (_, number) => `organization-${number + 2}`)]),
    )
  })

  test('a name that looks like another organization’s is refused, and its people are not led astray', async () => {
    const browser = new Browser()
    await browser.get(await linkFor('eve@many.test'))
    for (const organization of [
      'Acme Corporation',
      'ACME corporation',
      'AcmeCorporation',
      'Acme\u00a0Corporation',
      'Ac\u200bme Corporation',
      'Асmе Соrporation',
      'Ａｃｍｅ Corporation',
      'acme',
      'GLOBEX',
    ]) {
      const page = await browser.submit({ ...details, organization })
      expect([organization, page.status]).toEqual([organization, 422])
      expect(textOf(browser, 'error')).toContain('An organization of this name exists already')
    }
    const { status } = await browser.submit({ ...details, organization: '\u3164\u200b' })
    expect([status, textOf(browser, 'error')]).toEqual([422, 'This must hold something that people can see.'])
    await browser.submit({ ...details, organization: '株 Acme Corporation' })
    const victim = new Browser()
    for (const name of ['Acme Corporation', 'acme-corporation', 'acme']) {
      await victim.get(`${gatehouse.url}/organizations`)
      await victim.submit({ organization: name })
      expect([name, victim.page.url]).toEqual([name, `${gatehouse.url}/o/acme`])
    }
  })

  test.runIf(database === 'postgres')('a founding waits for one under way, and sees its name', async () => {
    const { db } = gatehouse.database
    const browser = new Browser()
    await browser.get(await linkFor('waits@many.test'))
    const noor = db.selectFrom('users').select(['id', 'email']).where('email', '=', 'nobody@example.test')
    const founder = await noor.executeTakeFirstOrThrow()
    let posted: ReturnType<Browser['submit']> | undefined
    await db.transaction().execute(async (tx) => {
      await foundOrganization(tx, { name: 'Under Way', founder })
      let over = false
      posted = browser.submit({ ...details, organization: 'Undеr Wаy' }).finally(() => {
        over = true
      })
      while (!over && !(await someLockIsAwaited())) await setImmediate()
    })
    expect([(await posted)?.status, textOf(browser, 'error')]).toEqual([
      422,
      expect.stringContaining('An organization of this name exists already'),
    ])
  })

  test.runIf(database === 'postgres')('of two nodes that are asked at once for one name, one founds it', async () => {
    const other = await startAnotherNode(gatehouse)
    try {
      const browsers = await Promise.all(
        ['one@nodes.test', 'two@nodes.test'].map(async (email) => ({
          browser: new Browser(),
          link: await linkFor(email),
        })),
      )
      const answers = await Promise.all(
        browsers.map(async ({ browser, link }, number) => {
          await browser.get(link)
          const token = new URL(link).searchParams.get('token')!
          const organization = ['Two Nodes', 'TWO-NODES'][number]!
          const fields = { ...details, token, organization, _csrf: browser.hidden('_csrf')! }
          const headers = { cookie: browser.cookiesFor('/sign-up/details'), accept: 'text/html' }
          const port = number === 0 ? undefined : other.port
          return postForm(gatehouse, '/sign-up/details', fields, { headers, port })
        }),
      )
      expect(answers.map(({ status }) => status).sort()).toEqual([303, 422])
    } finally {
      await other.stop()
    }
  })

  test('a link is for one use, also for twenty at once, and a scanner that opens it uses nothing up', async () => {
    const link = await linkFor('once@engines.test')
    for (let scans = 0; scans < 3; scans++) {
      expect((await new Browser().get(link)).status).toBe(200)
      expect((await fetch(link, { method: 'HEAD' })).status).toBe(200)
    }
    const browser = new Browser()
    await browser.get(link)
    const token = new URL(link).searchParams.get('token')!
    const fields = { ...details, organization: 'Once', token, _csrf: browser.hidden('_csrf')! }
    const cookie = `gatehouse-browser=${browser.cookie('gatehouse-browser')}`
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        fetch(`${gatehouse.url}/sign-up/details`, {
          method: 'POST',
          headers: { cookie, accept: 'text/html' },
          body: new URLSearchParams(fields),
          redirect: 'manual',
        }),
      ),
    )
    const statuses = answers.map((answer) => answer.status).sort()
    expect(statuses).toEqual([303, ...Array.from({ length: 19 }, () => 410)])
    const again = await browser.get(link)
    expect([again.status, again.html]).toEqual([410, expect.stringMatching(deadLink)])
  })

  test('a link is dead after a newer one, and after an hour', async () => {
    const older = await linkFor('late@engines.test')
    const newer = await linkFor('LATE@engines.test')
    expect((await new Browser().get(older)).status).toBe(410)
    const browser = new Browser()
    expect((await browser.get(newer)).status).toBe(200)
    await letLinksExpire(gatehouse)
    expect((await browser.submit(details)).status).toBe(410)
    expect((await browser.get(newer)).status).toBe(410)
  })

  test('mistakes are told at their fields, and cost nothing', async () => {
    const browser = new Browser()
    await browser.get(await linkFor('careless@engines.test'))
    for (const [mistake, words] of [
      [{ password: 'short' }, 'at least 8 characters'],
      [{ password: 'x'.repeat(129) }, 'at most 128 characters'],
      [{ password: 'P4ssword123' }, 'easily guessed'],
      [{ password: 'careless@engines.test' }, 'easily guessed'],
      [{ name: ' ' }, 'Fill this in'],
      [{ organization: 'a\u0000b' }, 'control characters'],
    ] as const) {
      const page = await browser.submit({ ...details, ...mistake })
      expect([page.status, page.html]).toEqual([422, expect.stringContaining(words)])
      expect(page.html).toContain('aria-invalid="true"')
    }
    expect((await browser.submit({ ...details, organization: '株式会社' })).url).toContain('/interaction/')
  })

  test.each([
    'no address',
    'a@b.test,c@d.test',
    'G: a@b.test;',
    'A <a@b.test>',
    'a@b.test\r\nBcc: c@d.test',
    'a@b.test\nBcc: c@d.test',
    'a\u0000@b.test',
    '"a b"@c.test',
    `${'a'.repeat(250)}@b.test`,
    '',
  ])('%j is refused with words at its field, and mails nobody', async (email) => {
    const { count } = await countMails()
    const page = await askFor(gatehouse, '/sign-up', email)
    expect([page.status, page.html]).toEqual([422, expect.stringContaining('field-error')])
    expect((await countMails()).count).toBe(count)
  })

  test('the fourth request for an address within an hour is 429, known or not', async () => {
    for (const email of ['ada@acme.test', 'nobody-at-all@engines.test']) {
      for (let request = 0; request < 3; request++) {
        expect((await askFor(gatehouse, '/sign-up', email)).status).toBe(202)
      }
      const page = await askFor(gatehouse, '/sign-up', email.toUpperCase())
      expect(page.status).toBe(429)
      expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(await mailsTo(gatehouse, email)).toHaveLength(3)
    }
  })

  test('a form from elsewhere asks for nothing', async () => {
    const page = await new Browser().post(`${gatehouse.url}/sign-up`, { email: 'forged@engines.test' })
    expect(page.status).toBe(403)
    expect(await mailsTo(gatehouse, 'forged@engines.test')).toEqual([])
  })

  test('somebody else’s session does not become the new person', async () => {
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    await browser.get(await linkFor('fresh@engines.test'))
    const page = await browser.submit({ ...details, organization: 'Fresh' })
    expect(page.html).toContain('name="password"')
    expect(page.html).toContain('fresh@engines.test')
  })

  async function someLockIsAwaited(): Promise<boolean> {
    const { rows } = await sql`select from pg_locks join pg_database d on d.oid = database
      where datname = current_database() and locktype = 'advisory' and not granted`.execute(gatehouse.database.db)
    return rows.length > 0
  }

  async function auditOf(email: string): Promise<string[]> {
    const rows = await gatehouse.database.db
      .selectFrom('auditLog')
      .innerJoin('users', 'users.id', 'auditLog.actorId')
      .select('action')
      .where('email', '=', email)
      .execute()
    return rows.map((row) => row.action).sort()
  }

  function countMails() {
    return gatehouse.database.db
      .selectFrom('mailOutbox')
      .select((column) => column.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
  }
})

test('the sign-in page offers to sign up where that is open, and only there', async () => {
  for (const signUp of ['open', 'closed'] as const) {
    const gatehouse = await startGatehouse({ database: 'embedded', config: { signUp } })
    try {
      const { browser } = await beginSignIn(gatehouse.url)
      expect(browser.page.html.includes('href="/sign-up"')).toBe(signUp === 'open')
      for (const path of ['/sign-up', '/sign-up/details?token=x']) {
        const { status } = await new Browser().get(gatehouse.url + path)
        expect([signUp, path, status === 404]).toEqual([signUp, path, signUp === 'closed'])
      }
      const posted = await browser.post(`${gatehouse.url}/sign-up`, { email: 'a@b.test', password })
      expect([signUp, posted.status]).toEqual([signUp, signUp === 'open' ? 403 : 404])
    } finally {
      await gatehouse.stop()
    }
  }
})
