import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { openAccount, textOf } from '#support/signed-in.ts'

describe('what an organization is called and looks like', () => {
  let gatehouse: Gatehouse
  let grace: Browser
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database: availableDatabases()[0]! })
    grace = await openAccount(gatehouse, { email: 'grace@globex.test', path: '/admin/branding' })
  })
  afterAll(() => gatehouse.stop())

  const open = (path: string, browser = grace) => browser.get(`${gatehouse.url}${path}`)
  const stored = () =>
    gatehouse.database.db.selectFrom('organizations').selectAll().where('slug', '=', 'globex').executeTakeFirstOrThrow()

  test('a colour can be tried before it is saved', async () => {
    await open('/admin/branding?logo_url=&accent_color=%238A1F5C')
    expect(grace.page.html).toContain('data-test="trial"')
    expect(grace.page.html).toContain('/assets/accent-8a1f5c.')
    expect((await stored()).accentColor).toBeNull()
    await open('/admin/branding')
    await grace.submit({ logo_url: '', accent_color: '#8a1f5c' }, '/admin/branding')
    expect(grace.page.html).toContain('data-test="saved"')
    expect((await stored()).accentColor).toBe('#8a1f5c')
    const stranger = new Browser()
    await open('/o/globex', stranger)
    expect(stranger.page.html).toContain('/assets/accent-8a1f5c.')
  })

  test.each([
    [{ logo_url: 'http://globex.example/logo.svg', accent_color: '' }, 'error-logo_url'],
    [{ logo_url: '', accent_color: 'red' }, 'error-accent_color'],
    [{ logo_url: '', accent_color: '#ffffee' }, 'error-accent_color'],
  ])('%o is refused at its field, and nothing is lost', async (fields, field) => {
    await open('/admin/branding')
    await grace.submit(fields, '/admin/branding')
    expect(grace.page.status).toBe(422)
    expect(textOf(grace, field)).not.toBe('')
    for (const value of Object.values(fields)) expect(grace.page.html).toContain(`value="${value}"`)
  })

  test('the name changes, but not to one that looks like another’s', async () => {
    await open('/admin/settings')
    await grace.submit({ name: 'ACME CORPORATION' }, '/name')
    expect(grace.page.status).toBe(422)
    await grace.submit({ name: 'Globex International' }, '/name')
    expect(grace.page.html).toContain('data-test="saved"')
    expect((await stored()).name).toBe('Globex International')
  })

  test('people of its domains join by signing up where it says so', async () => {
    await open('/admin/settings')
    await grace.submit({ join_by_domain: 'yes' }, '/joining')
    expect((await stored()).joinByDomain).toBe(true)
    await grace.submit({ join_by_domain: 'no' }, '/joining')
    expect((await stored()).joinByDomain).toBe(false)
  })

  test('its language is the one of those who ask for none that there is', async () => {
    await open('/admin/settings')
    await grace.submit({ default_locale: 'tlh' }, '/language')
    expect(grace.page.status).toBe(422)
    await grace.submit({ default_locale: 'de' }, '/language')
    expect((await stored()).defaultLocale).toBe('de')
    const stranger = new Browser()
    stranger.headers = { 'accept-language': 'tlh' }
    await open('/o/globex', stranger)
    expect(stranger.page.html).toContain('<html lang="de"')
    await open('/admin/settings')
    await grace.submit({ default_locale: '' }, '/language')
    expect((await stored()).defaultLocale).toBeNull()
  })

  test('a member is refused', async () => {
    for (const path of ['/admin/branding', '/admin/settings', '/admin/audit-log']) {
      const ada = await openAccount(gatehouse, { email: 'ada@acme.test', pick: 'globex', path })
      expect(ada.page.status).toBe(403)
    }
  })

  test('each change is in the organization’s audit log, which shows no other’s', async () => {
    await open('/admin/audit-log')
    expect(textOf(grace, 'entries')).toContain('globex organization.updated')
    expect(grace.page.html).toContain('<del>Globex</del>')
    expect(grace.page.html).toContain('<ins>Globex International</ins>')
    expect(grace.page.html).not.toContain('Acme')
    await open('/admin/audit-log?from=yesterday')
    expect(grace.page.status).toBe(422)
    expect(textOf(grace, 'error-from')).toContain('2027-01-31')
  })
})
