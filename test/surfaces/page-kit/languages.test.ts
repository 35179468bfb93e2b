import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { call } from '#support/api-requests.ts'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { type MailServer, startMailServer } from '#support/mail-server.ts'
import { askFor } from '#support/mails.ts'
import { beginSignIn, signIn } from '#support/relying-party.ts'

describe.each(availableDatabases())('languages on %s', (database) => {
  let gatehouse: Gatehouse
  let mailServer: MailServer
  beforeAll(async () => {
    mailServer = await startMailServer()
    gatehouse = await startGatehouse({ database, config: { smtpUrl: mailServer.url } })
  })
  afterAll(async () => {
    await gatehouse.stop()
    await mailServer.stop()
  })

  /** Once it has arrived. */
  const mailTo = (address: string) =>
    vi.waitFor(
      () => {
        const mail = mailServer.mails.find(({ to }) => to.includes(address))
        if (!mail) throw new Error(`no mail to ${address}`)
        return mail
      },
      { timeout: 10_000, interval: 50 },
    )

  function speaking(acceptLanguage: string): Browser {
    const browser = new Browser()
    browser.headers = { 'accept-language': acceptLanguage }
    return browser
  }

  test('a person whose browser prefers German signs in on German pages', async () => {
    const { browser } = await beginSignIn(gatehouse.url, { browser: speaking('de-AT, en;q=0.8') })
    const { html, headers } = browser.page
    expect(html).toContain('<html lang="de" dir="ltr">')
    expect(html).toContain('<h1>Anmelden</h1>')
    expect([headers.get('content-language'), headers.get('vary')]).toEqual([
      'de',
      expect.stringContaining('Accept-Language'),
    ])
    await browser.submit({ email: 'ada@acme.test' })
    await browser.submit({ password: 'wrong' }, '/login')
    expect(browser.page.html).toContain('E-Mail-Adresse und Passwort passen nicht zusammen.')
    await browser.submit({ password }, '/login')
    expect(browser.page.html).toContain('<h1>Organisation wählen</h1>')
  })

  test('and gets German mails', async () => {
    const page = await askFor(gatehouse, '/reset-password', 'ada@acme.test', speaking('de'))
    expect(page.html).toContain('<h1>Sehen Sie in Ihre E-Mails</h1>')
    const { headers, html, text } = await mailTo('ada@acme.test')
    expect(headers.subject).toBe('Wählen Sie ein neues Passwort')
    expect(html).toContain('<html lang="de" dir="ltr">')
    expect(text).toContain('Sie haben ein neues Passwort angefordert.')
  })

  test('a mail that nobody’s browser asks a language of is in the organization’s', async () => {
    const { db } = gatehouse.database
    await db.updateTable('organizations').set({ defaultLocale: 'fr' }).where('slug', '=', 'globex').execute()
    const grace = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    const headers = { authorization: `Bearer ${grace.tokens.access_token}` }
    const invitation = { json: { email: 'new@globex.test' }, headers }
    expect((await call(gatehouse, '/v1/organizations/globex/members', invitation)).status).toBe(202)
    expect((await mailTo('new@globex.test')).headers.subject).toBe('Vous êtes invité dans une organisation')
  })

  test('ui_locales of the application wins, on every page of its request', async () => {
    const { browser } = await beginSignIn(gatehouse.url, {
      browser: speaking('de'),
      parameters: { ui_locales: 'tlh fr-CA en' },
    })
    expect(browser.page.html).toContain('<h1>Se connecter</h1>')
    await browser.submit({ email: 'ada@acme.test' })
    expect(browser.page.html).toContain('<html lang="fr" dir="ltr">')
    await browser.submit({ password }, '/login')
    expect(browser.page.html).toContain('<h1>Choisissez une organisation</h1>')
    await browser.get(`${gatehouse.url}/organizations`)
    expect(browser.page.html).toContain('<html lang="de"')
  })

  test('where the browser asks for no language that there is, the organization’s default speaks', async () => {
    const languageAt = async (browser: Browser, path: string) =>
      (await browser.get(gatehouse.url + path)).headers.get('content-language')
    expect(await languageAt(speaking('nl'), '/o/globex')).toBe('fr')
    expect(await languageAt(speaking('nl, de;q=0.1'), '/o/globex')).toBe('de')
    expect(await languageAt(speaking('nl'), '/o/acme')).toBe('en')
  })

  test.each([
    ['nothing', '', 'en'],
    ['any language', '*', 'en'],
    ['a language that there is none of', 'tlh, nl;q=0.5', 'en'],
    ['French, but rather German', 'fr;q=0.5, de;q=0.9', 'de'],
    ['anything but German', 'de;q=0, fr', 'fr'],
    ['in odd spelling', 'DE-ch', 'de'],
    ['what is no header', '%%%, ;;;q', 'en'],
  ])('a browser that prefers %s is answered in what there is', async (_, header, language) => {
    const page = await speaking(header).get(`${gatehouse.url}/organizations`)
    expect(page.headers.get('content-language')).toBe(language)
  })

  test('the metadata says which languages there are', async () => {
    const metadata = await fetch(`${gatehouse.url}/.well-known/openid-configuration`)
    expect(await metadata.json()).toMatchObject({ ui_locales_supported: ['en', 'de', 'fr'] })
  })

  test('errors are said in the reader’s language on pages, and in English by the API', async () => {
    const page = await speaking('fr').get(`${gatehouse.url}/nowhere`)
    expect(page.html).toContain('Il n’y a rien à cette adresse.')
    const headers = { accept: 'application/json', 'accept-language': 'fr' }
    const answer = await fetch(`${gatehouse.url}/nowhere`, { headers })
    expect(await answer.json()).toMatchObject({ title: 'Not found', detail: 'There is nothing at this address.' })
  })
})
