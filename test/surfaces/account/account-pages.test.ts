import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, setup, startGatehouse } from '#support/gatehouse.ts'
import { enterPassword } from '#support/relying-party.ts'
import { isSignedOut, openAccount, pathOf, textOf } from '#support/signed-in.ts'

const pages = ['/account/profile', '/account/organizations', '/account/sessions', '/account/security']
const forms = [
  '/account/profile',
  '/account/organizations',
  '/account/sessions/end',
  '/account/sessions/end-others',
  '/account/security/password',
  '/account/sign-out',
]
const more = `
  - { email: paul@acme.test, name: "Paul <b>Power</b>", password: "correct horse battery staple" }`
const setupWithMore = setup
  .replace('\norganizations:', `${more}\norganizations:`)
  .replace('  - slug: globex\n    name: Globex', '  - slug: globex\n    name: "Globex & <i>Sons</i>"')
  .replace(
    '\n      - { email: ada@acme.test, teams: [auditors] }',
    '\n      - { email: ada@acme.test, teams: [auditors] }\n      - { email: paul@acme.test }',
  )

describe.each(availableDatabases())('the account pages on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database, setup: setupWithMore })
  })
  afterAll(() => gatehouse.stop())

  const at = (path: string) => `${gatehouse.url}${path}`
  const events = () => gatehouse.database.db.selectFrom('auditLog').selectAll().orderBy('id').execute()

  test('password managers find where a password is changed', async () => {
    const browser = await openAccount(gatehouse, { path: '/.well-known/change-password' })
    expect(pathOf(browser)).toBe('/account/security')
  })

  test.each(pages)('%s sends whoever is not signed in to sign in, and back to where they were going', async (page) => {
    // S0-09, S0-34
    const browser = new Browser()
    await browser.get(at(`${page}?from=a%20link`))
    expect(browser.page.html).toContain('data-test="login"')
    await enterPassword(browser, 'grace@globex.test')
    expect([pathOf(browser), browser.page.status]).toEqual([`${page}?from=a%20link`, 200])
    expect(browser.page.html).toContain('data-test="avatar"')
  })

  test('/account is the profile', async () => {
    const browser = await openAccount(gatehouse, { path: '/account' })
    expect(pathOf(browser)).toBe('/account/profile')
  })

  test('nothing that is personal is kept by a cache, and no page has a second address', async () => {
    const browser = await openAccount(gatehouse)
    for (const page of pages) {
      await browser.get(at(page))
      expect(browser.page.headers.get('cache-control')).toBe('no-store')
      const policy = browser.page.headers.get('content-security-policy')
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toContain('unsafe-inline')
      for (const other of [`${page}.css`, `${page}/x.css`, `${page}/`, page.toUpperCase(), '/account/x.css']) {
        await browser.get(at(other))
        expect([other, browser.page.status]).toEqual([other, 404])
        expect(browser.page.headers.get('cache-control')).toBe('no-store')
        expect(browser.page.html).not.toContain('ada@acme.test')
      }
    }
  })

  test('the avatar menu names the person and leads to their pages and out', async () => {
    const browser = await openAccount(gatehouse)
    for (const page of pages) {
      await browser.get(at(page))
      expect(textOf(browser, 'signed-in-as')).toBe('ada@acme.test')
      expect(textOf(browser, 'organization-name')).toBe('Acme Corporation')
      const menu = /<details class="menu account-menu"[\s\S]*?<\/details>/.exec(browser.page.html)?.[0] ?? ''
      for (const target of ['/account/profile', '/account/sessions', '/account/security']) {
        expect(menu).toContain(`href="${target}"`)
      }
      expect(menu).toContain('action="/account/sign-out"')
    }
  })

  test.each(forms)('%s without the token of a page that this browser was shown is refused', async (path) => {
    const browser = await openAccount(gatehouse)
    const foreign = (await openAccount(gatehouse)).hidden('_csrf')!
    const fields = { name: 'Mallory', organization: 'globex', session: 'x', new_password: 'three green apples fall' }
    const before = await events()
    for (const token of [{}, { _csrf: '' }, { _csrf: foreign }] as Record<string, string>[]) {
      await browser.post(at(path), { ...fields, ...token })
      expect(browser.page.status).toBe(403)
    }
    const own = { ...fields, _csrf: browser.hidden('_csrf') ?? '' }
    await browser.post(at(path), own, { 'sec-fetch-site': 'cross-site' })
    expect(browser.page.status).toBe(403)
    await browser.get(at('/account/profile'))
    expect(textOf(browser, 'signed-in-as')).toBe('ada@acme.test')
    expect(textOf(browser, 'organization-name')).toBe('Acme Corporation')
    expect(await events()).toEqual(before)
  })

  test('GET of a form’s address changes nothing', async () => {
    const browser = await openAccount(gatehouse)
    const before = await events()
    for (const path of forms) {
      await browser.get(at(`${path}?name=Mallory&organization=globex&logout=yes`))
    }
    await browser.get(at('/account/profile'))
    expect(textOf(browser, 'signed-in-as')).toBe('ada@acme.test')
    expect(textOf(browser, 'organization-name')).toBe('Acme Corporation')
    expect(await events()).toEqual(before)
  })

  test('a form of somebody whose session has ended is not carried out', async () => {
    const browser = await openAccount(gatehouse, { email: 'grace@globex.test' })
    const csrf = browser.hidden('_csrf')!
    await gatehouse.database.db.updateTable('sessions').set({ endedAt: new Date() }).execute()
    await browser.post(at('/account/profile'), { _csrf: csrf, name: 'Somebody' })
    expect(isSignedOut(browser)).toBe(true)
    await enterPassword(browser, 'grace@globex.test')
    expect(pathOf(browser)).toBe('/account/profile')
    expect(browser.page.html).toContain('value="Grace"')
  })

  describe('coming back from signing in', () => {
    const elsewhere = [
      '//evil.example/',
      '///evil.example',
      '/\\evil.example',
      '\\\\evil.example',
      '/\t/evil.example',
      '/.//evil.example',
      '/..//evil.example/%2e%2e',
      '/account/..//evil.example',
      'https://evil.example/',
      'https:evil.example',
      'javascript:alert(1)',
      'data:text/html,x',
      '@evil.example',
      '.evil.example',
      ' //evil.example',
      '%2f%2fevil.example',
      '/account/signed-in?state=//evil.example',
      '',
    ]
    test.each(elsewhere)('state %j stays on our origin', async (state) => {
      const answer = await fetch(at(`/account/signed-in?${new URLSearchParams({ code: 'x', state })}`), {
        redirect: 'manual',
      })
      expect(answer.status).toBe(303)
      const target = new URL(answer.headers.get('location')!, gatehouse.url)
      expect(target.origin).toBe(gatehouse.url)
      expect(target.pathname.startsWith('//')).toBe(false)
      expect(target.href).not.toMatch(/^https?:\/\/evil/)
    })

    test('state that is given twice leads to the account', async () => {
      const answer = await fetch(at('/account/signed-in?state=//evil.example&state=/x'), { redirect: 'manual' })
      expect(answer.headers.get('location')).toBe('/account')
    })

    test('a path of ours is kept with its query', async () => {
      const state = '/account/sessions?a=1&b=%2F%2Fevil.example'
      const answer = await fetch(at(`/account/signed-in?${new URLSearchParams({ state })}`), { redirect: 'manual' })
      expect(answer.headers.get('location')).toBe(state)
    })

    test('an error is told in our words, never in those of the link', async () => {
      const browser = new Browser()
      for (const [error, status] of [
        ['access_denied', 403],
        ['<script>alert(1)</script>', 400],
      ] as const) {
        const query = new URLSearchParams({ error, error_description: 'Call 555 0100 now', state: '//evil.example' })
        await browser.get(at(`/account/signed-in?${query}`))
        expect(browser.page.status).toBe(status)
        expect(browser.page.html).toContain('data-test="error"')
        expect(browser.page.html).not.toMatch(/555|alert|evil/)
      }
    })
  })

  describe('the profile', () => {
    test('shows each permission and data scope with every place that it comes from', async () => {
      // S0-37
      const browser = await openAccount(gatehouse)
      expect(textOf(browser, 'permissions')).toBe(
        'What you may do Permission From See configuration items configuration-items:read readers configuration-items:write writers',
      )
      expect(textOf(browser, 'data-scopes')).toBe(
        'What you see Data From kubernetes: prod-cluster readers All of proxmox direct',
      )
      expect(textOf(browser, 'missing')).toContain('Read reports reports:read')
      expect(textOf(browser, 'organizations')).toContain('Acme Corporation, Globex')
    })

    test('shows what is so in the organization at hand only', async () => {
      const browser = await openAccount(gatehouse, { pick: 'globex' })
      expect(textOf(browser, 'permissions')).toContain('Read reports reports:read auditors')
      expect(textOf(browser, 'permissions')).not.toContain('configuration-items')
      expect(textOf(browser, 'data-scopes')).toContain('Everything auditors')
    })

    test('of somebody without rights says whom to ask for some', async () => {
      const browser = await openAccount(gatehouse, { email: 'paul@acme.test' })
      expect(textOf(browser, 'permissions')).toMatch(/You may do nothing here yet.*Ask Grace,/)
      expect(textOf(browser, 'data-scopes')).toMatch(/You see no data yet.*Ask Grace,/)
      // names are text, whatever they look like
      expect(browser.page.html).toContain('Globex &amp; &lt;i&gt;Sons&lt;/i&gt;')
      expect(browser.page.html).not.toMatch(/<i>Sons|<b>Power/)
    })

    test('of a superadmin explains why everything is open', async () => {
      const browser = await openAccount(gatehouse, { email: 'root@example.test' })
      expect(textOf(browser, 'superadmin')).toContain('You are a superadmin.')
      expect(textOf(browser, 'superadmin')).toContain('you are no member of Acme Corporation')
      expect(textOf(browser, 'permissions')).toContain('Everything in the organization * superadmin')
      expect(textOf(browser, 'data-scopes')).toContain('Everything superadmin')
    })

    test('shows a change of rights at once', async () => {
      const browser = await openAccount(gatehouse, { email: 'paul@acme.test' })
      const withRights = setupWithMore.replace(
        '{ email: paul@acme.test }',
        '{ email: paul@acme.test, teams: [auditors] }',
      )
      await gatehouse.apply(withRights)
      await browser.get(at('/account/profile'))
      expect(textOf(browser, 'permissions')).toContain('reports:read')
      await gatehouse.apply(setupWithMore)
      await browser.get(at('/account/profile'))
      expect(textOf(browser, 'permissions')).toContain('nothing here yet')
    })

    test('lets one change one’s name, and the audit log tells of it', async () => {
      const browser = await openAccount(gatehouse, { email: 'paul@acme.test' })
      await browser.submit({ name: '  Paul Muad’Dib ' }, '/account/profile')
      expect(browser.page.html).toContain('data-test="saved"')
      expect(browser.page.html).toContain('value="Paul Muad’Dib"')
      expect((await events()).at(-1)).toMatchObject({
        action: 'user.updated',
        subjectName: 'paul@acme.test',
        before: { name: 'Paul <b>Power</b>' },
        after: { name: 'Paul Muad’Dib' },
      })
    })

    test.each([
      ['', 'empty'],
      ['   ', 'empty'],
      ['x'.repeat(201), 'at most 200'],
      ['a\u0007b', 'control'],
      ['a\0b', 'control'],
    ])('refuses the name %j and says why', async (name, why) => {
      const browser = await openAccount(gatehouse)
      await browser.submit({ name }, '/account/profile')
      expect(browser.page.status).toBe(422)
      expect(textOf(browser, 'error')).toContain(why)
      await browser.get(at('/account/profile'))
      expect(browser.page.html).toContain('value="Ada"')
    })

    test('changes nothing but the name, whatever else the form says', async () => {
      const browser = await openAccount(gatehouse)
      await browser.submit({ name: 'Ada', superadmin: 'true', email: 'root@example.test' }, '/account/profile')
      const ada = await gatehouse.database.db
        .selectFrom('users')
        .selectAll()
        .where('email', '=', 'ada@acme.test')
        .executeTakeFirstOrThrow()
      expect(ada).toMatchObject({ superadmin: false, name: 'Ada' })
    })
  })

  describe('organizations', () => {
    test('are listed, and switching takes one to the other', async () => {
      const browser = await openAccount(gatehouse, { path: '/account/organizations' })
      expect(browser.page.html).toContain(at('/o/globex'))
      expect(textOf(browser, 'organization-acme')).toContain('Current')
      await browser.submit({ organization: 'globex' }, '/account/organizations')
      expect(pathOf(browser)).toBe('/account/profile')
      expect(textOf(browser, 'permissions')).toContain('reports:read')
      await browser.get(at('/account/sessions'))
      expect(browser.page.html).toContain('Globex &amp;')
    })

    test.each(['nowhere', '', 'a\0b'])('%j, to which one does not belong, is not found', async (organization) => {
      const browser = await openAccount(gatehouse)
      await browser.submit({ organization }, '/account/organizations')
      expect(browser.page.status).toBe(404)
      await browser.get(at('/account/profile'))
      expect(textOf(browser, 'organization-name')).toBe('Acme Corporation')
    })

    test('of somebody else cannot be switched to, nor asked for in the address', async () => {
      const browser = await openAccount(gatehouse, { email: 'grace@globex.test' })
      await browser.post(at('/account/organizations'), { _csrf: browser.hidden('_csrf')!, organization: 'acme' })
      expect(browser.page.status).toBe(404)
      await browser.get(at('/account/profile'))
      expect(browser.page.html).not.toContain('Acme')
    })

    test('that one has left are left by the pages at once', async () => {
      const browser = await openAccount(gatehouse, { pick: 'acme' })
      await gatehouse.database.db
        .updateTable('memberships')
        .set({ deactivatedAt: new Date() })
        .where('organizationId', '=', (eb) => eb.selectFrom('organizations').select('id').where('slug', '=', 'acme'))
        .execute()
      await browser.get(at('/account/profile'))
      // one is left, so it is not asked for
      expect(textOf(browser, 'permissions')).toContain('reports:read')
      await gatehouse.database.db.updateTable('memberships').set({ deactivatedAt: null }).execute()
    })

    test('are all open to a superadmin', async () => {
      const browser = await openAccount(gatehouse, { email: 'root@example.test', path: '/account/organizations' })
      await browser.submit({ organization: 'globex' }, '/account/organizations')
      expect(pathOf(browser)).toBe('/account/profile')
      expect(textOf(browser, 'superadmin')).toContain('Globex')
    })
  })

  test('somebody without an organization is told so, and may go back', async () => {
    const browser = new Browser()
    await browser.get(at('/account'))
    await enterPassword(browser, 'nobody@example.test')
    expect(browser.page.html).toContain('data-test="no-organization"')
    await browser.submit({}, '/abort')
    expect(browser.page.status).toBe(403)
    expect(browser.page.html).toContain('data-test="error"')
  })
})
