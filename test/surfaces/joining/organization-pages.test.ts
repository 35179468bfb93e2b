import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fillInSkeletons } from '#directory/organizations/organization-names.ts'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, password, setup, startGatehouse } from '#support/gatehouse.ts'
import { isSignedOut, openAccount, pathOf, textOf } from '#support/signed-in.ts'

const setupWithLooks = setup
  .replace(
    '    name: Acme Corporation',
    '    name: Acme Corporation\n    branding: { accent_color: "#0b7285", logo_url: "https://acme.test/logo.svg" }',
  )
  .concat(`
  - { slug: hooli, name: Hooli, active: false }
  - { slug: twin-1, name: Twin }
  - { slug: twin-2, name: Twin }
`)

describe.each(availableDatabases())('signing in to an organization on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database, setup: setupWithLooks })
  })
  afterAll(() => gatehouse.stop())

  const at = (path: string) => `${gatehouse.url}${path}`

  async function open(path: string, browser = new Browser()) {
    await browser.get(at(path))
    return browser
  }

  /** From the organization's login page to wherever it leads. */
  async function signInAt(slug: string, email: string, browser = new Browser()) {
    await open(`/o/${slug}`, browser)
    await browser.submit({ email })
    await browser.submit({ password })
    return browser
  }

  test.each([
    ['acme', '/o/acme'],
    [' ACME ', '/o/acme'],
    ['acme corporation', '/o/acme'],
    ['Globex', '/o/globex'],
    ['ACME\u00a0Corporation', '/o/acme'],
    ['no-such-organization', '/o/no-such-organization'],
    ['No Such Organization', '/o/no-such-organization'],
    ['hooli', '/o/hooli'],
    ['twin-2', '/o/twin-2'],
    ['//evil.example', '/o/evil-example'],
    ['../account', '/o/account'],
    ['東京', '/o/organization'],
  ])('whoever enters %j goes on to %s', async (organization, path) => {
    // S2-10, S2-11
    const browser = await open('/organizations')
    await browser.submit({ organization })
    expect([pathOf(browser), browser.page.status]).toEqual([path, 200])
    expect(browser.page.html).toContain('data-test="organization-login"')
  })

  test.each([
    ['of several', 'Twin'],
    ['of several', 't-w i\u200bn'],
  ])('a name %s, %j, is answered by mail only', async (_, organization) => {
    const browser = await open('/organizations')
    await browser.submit({ organization })
    expect([pathOf(browser), browser.page.status]).toEqual(['/organizations', 422])
    expect(textOf(browser, 'error')).toBe(
      'We can’t tell which organization that is. Have its name and login address mailed to you.',
    )
    expect(browser.page.html).toContain('href="/organizations/forgot"')
  })

  test('a slug does not take over the name of another organization', async () => {
    await gatehouse.apply(`organizations:\n  - { slug: initech, name: Bluth }\n  - { slug: init, name: Initech }\n`)
    const browser = await open('/organizations')
    await browser.submit({ organization: 'Initech' })
    expect(textOf(browser, 'error')).toContain('We can’t tell')
    await browser.submit({ organization: 'bluth' })
    expect(pathOf(browser)).toBe('/o/initech')
  })

  test('organizations that an earlier version made are found from the next start on', async () => {
    const { db } = gatehouse.database
    await db.updateTable('organizations').set({ nameSkeletons: sql`'{}'` }).execute()
    await fillInSkeletons(db)
    const browser = await open('/organizations')
    await browser.submit({ organization: 'Acme Corporation' })
    expect(pathOf(browser)).toBe('/o/acme')
  })

  test.each(['', '   ', 'x'.repeat(201), 'a\0b'])('whoever enters %j is asked again', async (organization) => {
    const browser = await open('/organizations')
    await browser.submit({ organization })
    expect(browser.page.status).toBe(422)
    expect(textOf(browser, 'error')).toContain('Enter the name')
  })

  test('the organization’s own page has its look, and never asks for its name', async () => {
    // S2-03, S2-14
    const browser = await open('/o/acme')
    expect(browser.page.html).toContain('Acme Corporation')
    expect(browser.page.html).toContain('https://acme.test/logo.svg')
    expect(browser.page.html).toContain('/assets/accent-0b7285.')
    const seen = [browser.page.html]
    await browser.submit({ email: 'ada@acme.test' })
    seen.push(browser.page.html)
    expect(browser.page.html).toContain('data-test="password"')
    expect(browser.page.html).toContain('/assets/accent-0b7285.')
    for (const html of seen) expect(html).not.toMatch(/name="organization"|href="\/organizations/)
    await browser.submit({ password })
    expect(pathOf(browser)).toBe('/account/profile')
    expect(textOf(browser, 'organization-name')).toBe('Acme Corporation')
  })

  test('the sign-in page leads there, and to the page for whoever forgot the name', async () => {
    const browser = await open('/account')
    expect(isSignedOut(browser)).toBe(true)
    expect(browser.page.html).toContain('href="/organizations"')
    expect(browser.page.html).toContain('href="/organizations/forgot"')
    await browser.submit({ email: 'ada@acme.test' })
    expect(browser.page.html).toContain('href="/reset-password"')
    for (const path of ['/organizations', '/organizations/forgot', '/reset-password']) {
      expect((await open(path)).page.status).toBe(200)
    }
  })

  test('an organization that does not exist, or is suspended, looks like one without a look, up to the password', async () => {
    const shapes: string[][] = []
    for (const slug of ['globex', 'no-such-one', 'hooli']) {
      const browser = await open(`/o/${slug}`)
      const name = slug === 'globex' ? 'Globex' : slug
      const shapeOf = () =>
        browser.page.html
          .replaceAll(`/o/${slug}`, 'ACTION')
          .replaceAll(name, 'NAME')
          .replace(/>[A-Z]<\/text>/, '>N</text>')
          .replace(/name="_csrf" value="[^"]*"/g, '')
          .replace(/\/interaction\/[\w-]+/g, '/interaction/UID')
      const shape = [shapeOf()]
      await browser.submit({ email: 'ada@acme.test' })
      shape.push(shapeOf())
      shapes.push(shape)
    }
    expect(shapes[1]).toEqual(shapes[0])
    expect(shapes[2]).toEqual(shapes[0])
  })

  test.each(['no-such-one', 'hooli', 'acme'])(
    'whoever does not belong to %s is refused after the password',
    async (slug) => {
      const browser = await signInAt(slug, 'grace@globex.test')
      expect(browser.page.status).toBe(403)
      expect(textOf(browser, 'error')).toContain('You don’t belong to an organization of that name')
      // they are signed in, and go on where they do belong
      await browser.get(at('/account'))
      expect(textOf(browser, 'organization-name')).toBe('Globex')
    },
  )

  test.each(['x', 'a_b', 'a b', 'ä', 'x'.repeat(64), '%00%00', 'acme/x', 'acme/', 'acme.css'])(
    '/o/%s is not found',
    async (slug) => {
      const browser = await open(`/o/${encodeURI(slug).replaceAll('%25', '%')}`)
      expect(browser.page.status).toBe(404)
    },
  )

  test('capitals lead to the one spelling', async () => {
    expect(pathOf(await open('/o/ACME'))).toBe('/o/acme')
  })

  test('whoever is signed in goes on with one click, or as somebody else after that one’s password', async () => {
    const browser = await openAccount(gatehouse, { pick: 'globex' })
    await open('/o/acme', browser)
    expect(browser.page.html).toContain('Continue as Ada')
    await browser.submit({})
    expect(textOf(browser, 'organization-name')).toBe('Acme Corporation')
    await open('/o/globex', browser)
    await browser.submit({ email: 'grace@globex.test' })
    expect(browser.page.html).toContain('data-test="password"')
    await browser.submit({ password })
    await browser.submit({}) // the library signs the first one out
    expect(textOf(browser, 'signed-in-as')).toBe('grace@globex.test')
  })

  test.each(['', 'ada', 'a@b, c@d', 'a\0@b.test'])('%j is no address to sign in with', async (email) => {
    const browser = await open('/o/acme')
    await browser.submit({ email })
    expect(browser.page.status).toBe(422)
    expect(textOf(browser, 'error')).toContain('Enter your e-mail address')
    expect(browser.page.html).toContain('Acme Corporation')
  })

  test('forms need the token of a page that this browser was shown', async () => {
    for (const path of ['/organizations', '/o/acme', '/organizations/forgot']) {
      const browser = await open(path)
      await browser.post(at(path), { organization: 'acme', email: 'ada@acme.test' })
      expect([path, browser.page.status]).toEqual([path, 403])
    }
  })

  test('no page is kept by a cache or framed', async () => {
    for (const path of ['/organizations', '/o/acme', '/organizations/forgot']) {
      const { headers } = (await open(path)).page
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    }
  })
})
