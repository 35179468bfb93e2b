import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deviceName } from '#foundation/values/device-name.ts'
import { Browser } from '#support/browser.ts'
import { redirectUri } from '#support/gatehouse.ts'
import { signIn } from '#support/relying-party.ts'
import { isSignedInAt, isSignedOut, openAccount, pathOf, textOf } from '#support/signed-in.ts'
import { availableStores, type Deployment, deploy, isActive, type Stores } from '#support/wire.ts'

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1'

describe.each(availableStores())('sessions on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let receiver: Server
  let told: string[] = []

  beforeAll(async () => {
    receiver = createServer(async (request, response) => {
      for await (const chunk of request) told.push(String(chunk))
      response.writeHead(204).end()
    }).listen(0, '127.0.0.1')
    await once(receiver, 'listening')
    const { port } = receiver.address() as AddressInfo
    deployment = await deploy(store, { config: { outboundAllowedHosts: [`127.0.0.1:${port}`] } })
    gatehouse = deployment.gatehouse
    await gatehouse.apply(`clients:
  - client_id: told
    first_party: true
    redirect_uris: [${redirectUri}]
    token_endpoint_auth_method: none
    grant_types: [authorization_code, refresh_token]
    backchannel_logout_uri: http://127.0.0.1:${port}/backchannel`)
  })
  afterAll(async () => {
    receiver.close()
    await deployment.stop()
  })

  const sessionsPage = () => `${gatehouse.url}/account/sessions`
  const newBrowser = () => new Browser((target) => target.port === '8080')

  async function openWith(userAgent: string, email = 'ada@acme.test') {
    const browser = newBrowser()
    browser.headers = { 'user-agent': userAgent }
    return openAccount(gatehouse, { browser, email, path: '/account/sessions' })
  }

  /** A browser in which an application has got tokens, too. */
  async function withTokens(email = 'ada@acme.test') {
    const browser = await openAccount(gatehouse, { browser: newBrowser(), email, path: '/account/sessions' })
    const { tokens } = await signIn(gatehouse.url, { browser, email, pick: 'globex' })
    await browser.get(sessionsPage())
    return { browser, tokens }
  }

  /** The session of a browser, as the page that it sees names it to the page's form. */
  async function uidOf(browser: Browser): Promise<string> {
    const seen = new Set<string>()
    await browser.get(sessionsPage())
    for (const [, uid] of browser.page.html.matchAll(/name="session" value="([^"]+)"/g)) seen.add(uid!)
    const { rows } = await sql<{ uid: string }>`select uid from sessions s join users u on u.id = s.user_id
      where u.email = ${textOf(browser, 'signed-in-as')} and ended_at is null`.execute(gatehouse.database.db)
    const [own] = rows.map(({ uid }) => uid).filter((uid) => !seen.has(uid))
    return own!
  }

  async function liveAt(browser: Browser): Promise<boolean[]> {
    return Promise.all(deployment.ports.map((port) => isSignedInAt(gatehouse, port, browser)))
  }

  test('are listed with device, address and last use, this browser first', async () => {
    await openWith(iphone, 'grace@globex.test')
    const browser = await openWith(firefox, 'grace@globex.test')
    const table = textOf(browser, 'sessions')
    expect(table).toMatch(/Firefox on Linux This browser .*127\.0\.0\.1.*Safari on iPhone/)
    expect(table.match(/This browser/g)).toHaveLength(1)
    expect(browser.page.html).toMatch(
      /<time datetime="\d{4}-[^"]*Z" title="\d+ \w+ \d{4}, [\d:]+ UTC">just now<\/time>/,
    )
  })

  test('one that is ended is dead at once on every node, with what it gave', async () => {
    const other = await withTokens()
    const { browser } = await withTokens()
    const session = await uidOf(other.browser)
    expect(await liveAt(other.browser)).not.toContain(false)
    await browser.submit({ session }, '/account/sessions/end')
    expect([pathOf(browser), textOf(browser, 'ended')]).toEqual([
      '/account/sessions?ended=one',
      'That session has ended.',
    ])
    expect(await liveAt(other.browser)).not.toContain(true)
    expect(await isActive(gatehouse, other.tokens.access_token)).toBe(false)
    expect(await isActive(gatehouse, other.tokens.refresh_token!)).toBe(false)
    expect(await liveAt(browser)).not.toContain(false)
    // a second time there is nothing to end
    await browser.post(`${sessionsPage()}/end`, { session, _csrf: browser.hidden('_csrf')! })
    expect(browser.page.status).toBe(404)
  })

  test('of somebody else cannot be ended, and look like none at all', async () => {
    const grace = await openWith(firefox, 'grace@globex.test')
    const ada = await openWith(firefox)
    const session = await uidOf(grace)
    const csrf = ada.hidden('_csrf')!
    const answers: string[] = []
    for (const uid of [session, 'made-up', '', 'a\0b']) {
      await ada.post(`${sessionsPage()}/end`, { session: uid, _csrf: csrf })
      expect(ada.page.status).toBe(404)
      answers.push(textOf(ada, 'error').replace(/Request .*/, ''))
    }
    expect(new Set(answers).size).toBe(1)
    expect(await liveAt(grace)).not.toContain(false)
  })

  test('all but this one end together, tokens of programs included', async () => {
    const others = [await withTokens('grace@globex.test'), await withTokens('grace@globex.test')]
    const ada = await openWith(firefox)
    const here = await withTokens('grace@globex.test')
    await here.browser.submit({}, '/account/sessions/end-others')
    expect(textOf(here.browser, 'ended')).toBe('You are signed out everywhere else.')
    for (const { browser, tokens } of others) {
      expect(await liveAt(browser)).not.toContain(true)
      expect(await isActive(gatehouse, tokens.access_token)).toBe(false)
      expect(await isActive(gatehouse, tokens.refresh_token!)).toBe(false)
    }
    expect(await liveAt(here.browser)).not.toContain(false)
    expect(await isActive(gatehouse, here.tokens.access_token)).toBe(true)
    expect(await liveAt(ada)).not.toContain(false)
  })

  test('signing out ends the session and its refresh tokens on every node, whatever cookie is kept', async () => {
    // S0-10
    const { browser, tokens } = await withTokens('grace@globex.test')
    const elsewhere = await openWith(firefox, 'grace@globex.test')
    const thief = newBrowser()
    for (const name of browser.cookieNames()) thief.setCookie(name, browser.cookie(name)!)
    expect(await liveAt(thief)).not.toContain(false)
    await browser.submit({}, '/account/sign-out')
    expect(pathOf(browser)).toBe('/account/signed-out')
    expect(browser.page.html).toContain('data-test="signed-out"')
    expect(browser.cookie('gatehouse-session')).toBeUndefined()
    expect(await liveAt(thief)).not.toContain(true)
    expect(await isActive(gatehouse, tokens.access_token)).toBe(false)
    expect(await isActive(gatehouse, tokens.refresh_token!)).toBe(false)
    await browser.get(sessionsPage())
    expect(isSignedOut(browser)).toBe(true)
    expect(await liveAt(elsewhere)).not.toContain(false)
  })

  test('signing out tells the applications that want to know', async () => {
    const browser = await openAccount(gatehouse, { browser: newBrowser() })
    await signIn(gatehouse.url, { browser, clientId: 'told', pick: 'acme' })
    await browser.get(sessionsPage())
    told = []
    await browser.submit({}, '/account/sign-out')
    expect(browser.page.status).toBe(200)
    expect(told).toEqual([expect.stringMatching(/^logout_token=/)])
  })

  test('signing out twice, or without a session, is no mistake', async () => {
    const browser = await openWith(firefox)
    const csrf = browser.hidden('_csrf')!
    for (let times = 0; times < 2; times++) {
      await browser.post(`${gatehouse.url}/account/sign-out`, { _csrf: csrf })
      expect(pathOf(browser)).toBe('/account/signed-out')
    }
  })

  test('the time of the last use follows the account pages, too', async () => {
    const browser = await openWith(firefox)
    const uid = await uidOf(browser)
    const { db } = gatehouse.database
    await sql`update sessions set last_used_at = now() - interval '3 hours', ip = '192.0.2.7' where uid = ${uid}`.execute(
      db,
    )
    await browser.get(sessionsPage())
    const used = await db.selectFrom('sessions').selectAll().where('uid', '=', uid).executeTakeFirstOrThrow()
    expect(Date.now() - used.lastUsedAt.getTime()).toBeLessThan(60_000)
    expect(used.ip).toBe('127.0.0.1')
  })

  test.runIf(!store.redis)('a session slides while its pages are in use', async () => {
    // S0-08
    const browser = await openWith(firefox)
    const { db } = gatehouse.database
    await sql`update protocol_state set expires_at = now() + interval '1 hour',
      payload = jsonb_set(payload::jsonb, '{exp}', to_jsonb(extract(epoch from now())::int + 3600)) where model = 'Session'`.execute(
      db,
    )
    await browser.get(sessionsPage())
    const cookie = browser.page.headers.getSetCookie().find((one) => one.startsWith('gatehouse-session='))
    const expires = Date.parse(/expires=([^;]+)/i.exec(cookie ?? '')?.[1] ?? '')
    expect(expires - Date.now()).toBeGreaterThan(86_000_000)
    expect(cookie?.toLowerCase()).toContain('httponly')
    await browser.get(sessionsPage())
    expect(browser.page.status).toBe(200)
    expect(browser.page.headers.getSetCookie().some((one) => one.startsWith('gatehouse-session='))).toBe(false)
  })
})

test.each([
  [firefox, 'Firefox on Linux'],
  [iphone, 'Safari on iPhone'],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    'Chrome on Windows',
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0',
    'Edge on Windows',
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15',
    'Safari on macOS',
  ],
  [
    'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
    'Chrome on Android',
  ],
  [
    'Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1',
    'Chrome on iPad',
  ],
  ['curl/8.5.0', 'curl'],
  ['Mozilla/5.0 (something)', 'Browser'],
  [null, 'Unknown device'],
])('%s is called %s', (userAgent, name) => {
  expect(deviceName(userAgent)).toBe(name)
})
