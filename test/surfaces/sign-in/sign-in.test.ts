import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { confidentialClient, password } from '#support/gatehouse.ts'
import { beginSignIn, enterPassword, pickOrganization, signIn } from '#support/relying-party.ts'
import { availableStores, type Deployment, deploy, postForm, type Stores } from '#support/wire.ts'

describe.each(availableStores())('signing in on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']

  beforeAll(async () => {
    deployment = await deploy(store)
    gatehouse = deployment.gatehouse
  })
  afterAll(() => deployment.stop())

  const begin = (options: Parameters<typeof beginSignIn>[1] = {}) => beginSignIn(gatehouse.url, options)
  const codeOf = ({ page }: Browser) => new URL(page.url).searchParams.get('code')
  const newBrowser = () => new Browser((target) => target.port === '8080')

  /** Another browser with every cookie of this one. */
  function copyOf(browser: Browser): Browser {
    const copy = newBrowser()
    for (const name of browser.cookieNames()) copy.setCookie(name, browser.cookie(name)!)
    return copy
  }

  async function isSignedIn(browser: Browser) {
    await begin({ browser, parameters: { prompt: 'none' } })
    return codeOf(browser) !== null
  }

  /** What was logged since, as outcomes and reasons. */
  async function logOf(work: () => Promise<unknown>) {
    const entries = () =>
      gatehouse.database.db
        .selectFrom('authenticationLog')
        .select(['id', 'outcome', 'reason'])
        .where('credentialKind', '=', 'password')
        .orderBy('id')
        .execute()
    const before = (await entries()).length
    await work()
    return (await entries()).slice(before).map(({ outcome, reason }) => reason ?? outcome)
  }

  test('another browser can neither open nor finish an interaction', async () => {
    const flow = await begin()
    const { url } = flow.browser.page
    const stranger = (await begin()).browser
    const own = stranger.page.url
    await stranger.get(url)
    expect(stranger.page.status).toBe(404)
    expect(stranger.page.html).not.toContain('name="email"')
    await stranger.get(own)
    const fields = { _csrf: stranger.hidden('_csrf')!, email: 'ada@acme.test', password }
    for (const step of ['login', 'organization', 'consent', 'abort']) {
      await stranger.post(`${url}/${step}`, fields)
      expect([step, stranger.page.status]).toEqual([step, 404])
    }
    await stranger.get(url.replace('/interaction/', '/oauth/authorize/'))
    expect(stranger.page.status).toBe(400)
    // the one who began it goes on
    await enterPassword(flow.browser, 'ada@acme.test')
    expect(flow.browser.page.html).toContain('data-test="select-organization"')
    await stranger.get(flow.browser.page.url)
    expect(stranger.page.status).toBe(404)
  })

  test('a cookie that somebody made up opens nothing', async () => {
    const { browser } = await begin()
    const { url } = browser.page
    const uid = url.slice(url.lastIndexOf('/') + 1)
    const forger = newBrowser()
    for (const name of browser.cookieNames()) forger.setCookie(name, name.endsWith('.sig') ? 'x'.repeat(27) : uid)
    await forger.get(url)
    expect(forger.page.status).toBe(404)
  })

  test('no step can be taken before the one that is due', async () => {
    const { browser } = await begin({ ...confidentialClient, parameters: { scope: 'openid reports:read' } })
    const { url } = browser.page
    const fields = { _csrf: browser.hidden('_csrf')!, organization: 'acme' }
    for (const step of ['organization', 'consent']) {
      await browser.post(`${url}/${step}`, fields)
      expect(browser.page.html).toContain('name="email"')
    }
    await browser.get(url.replace('/interaction/', '/oauth/authorize/'))
    expect(codeOf(browser)).toBeNull()
    const again = await begin({ ...confidentialClient, browser, parameters: { scope: 'openid reports:read' } })
    await enterPassword(again.browser, 'ada@acme.test')
    expect(browser.page.html).toContain('data-test="select-organization"')
    await browser.post(`${browser.page.url}/consent`, fields)
    expect(browser.page.html).toContain('data-test="select-organization"')
    await pickOrganization(browser, 'globex')
    expect(browser.page.html).toContain('data-test="consent"')
    await browser.get(browser.page.url.replace('/interaction/', '/oauth/authorize/'))
    expect(codeOf(browser)).toBeNull()
  })

  test('an organization to which one does not belong cannot be picked', async () => {
    await gatehouse.apply('organizations: [{ slug: other-corp, name: Other }]')
    const { browser } = await begin()
    await enterPassword(browser, 'ada@acme.test')
    const chooser = browser.page.url
    const csrf = browser.hidden('_csrf')!
    for (const organization of ['other-corp', 'nowhere', '']) {
      await browser.post(`${chooser}/organization`, { _csrf: csrf, organization })
      expect(browser.page.status).toBe(404)
    }
    await browser.get(chooser)
    await pickOrganization(browser, 'acme')
    expect(codeOf(browser)).toBeTruthy()
  })

  test('a form without the token of a page that this browser was shown is refused, and changes nothing', async () => {
    const { browser } = await begin()
    const { url } = browser.page
    const foreign = (await begin()).browser.hidden('_csrf')!
    const own = browser.hidden('_csrf')!
    const fields = { email: 'grace@globex.test', password }
    const log = await logOf(async () => {
      const tokens: Record<string, string>[] = [
        {},
        { _csrf: '' },
        { _csrf: foreign },
        { _csrf: `${own.slice(0, -2)}AA` },
      ]
      for (const token of tokens) {
        await browser.post(`${url}/login`, { ...fields, ...token })
        expect(browser.page.status).toBe(403)
      }
      const elsewhere: Record<string, string>[] = [
        { origin: 'https://evil.example' },
        { 'sec-fetch-site': 'cross-site' },
      ]
      for (const headers of elsewhere) {
        await browser.post(`${url}/login`, { ...fields, _csrf: own }, headers)
        expect(browser.page.status).toBe(403)
      }
    })
    expect(log).toEqual([])
    expect(await isSignedIn(browser)).toBe(false)
    await browser.get(url)
    await enterPassword(browser, 'grace@globex.test')
    expect(codeOf(browser)).toBeTruthy()
  })

  test('the session gets a new id at sign-in, and a planted one dies', async () => {
    const attacker = newBrowser()
    await attacker.get(`${gatehouse.url}/device`)
    const planted = attacker.cookie('gatehouse-session')
    expect(planted).toBeTruthy()
    const victim = copyOf(attacker)
    await begin({ browser: victim })
    await enterPassword(victim, 'grace@globex.test')
    expect(codeOf(victim)).toBeTruthy()
    expect(victim.cookie('gatehouse-session')).not.toBe(planted)
    expect(await isSignedIn(attacker)).toBe(false)
    expect(await isSignedIn(victim)).toBe(true)
  })

  test('"Not you?" signs in somebody else in the same request, and signs the first one out', async () => {
    const first = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    const flow = await begin({ ...confidentialClient, browser: first.browser })
    const { browser } = flow
    expect(browser.page.html).toContain('grace@globex.test')
    const notYou = /href="([^"]*prompt=login)"/.exec(browser.page.html)?.[1]
    await browser.get(new URL(notYou!, browser.page.url))
    expect(browser.page.html).not.toContain('grace@globex.test')
    await enterPassword(browser, 'ada@acme.test')
    // the library's page signs the first one out, by a form that submits itself
    expect(browser.page.html).toContain('/oauth/logout/confirm')
    expect(browser.page.headers.get('content-security-policy')).toMatch(/script-src 'self' 'sha256-/)
    await browser.submit()
    await pickOrganization(browser, 'acme')
    expect(browser.page.html).toContain('ada@acme.test')
    await browser.submit({}, '/consent')
    const tokens = await flow.redeem()
    expect(tokens.claims()).toMatchObject({ org_slug: 'acme' })
    expect((await gatehouse.introspect(tokens.access_token)).json).toMatchObject({ username: 'ada@acme.test' })
    expect((await gatehouse.introspect(first.tokens.refresh_token!)).text).toBe('{"active":false}')
  })

  test('what one person picked and allowed is not carried over to the next one in the same request', async () => {
    const { browser } = await begin(confidentialClient)
    await enterPassword(browser, 'ada@acme.test')
    await pickOrganization(browser, 'globex')
    expect(browser.page.html).toContain('data-test="consent"')
    await browser.get(`${browser.page.url}?prompt=login`)
    await enterPassword(browser, 'root@example.test')
    await browser.submit()
    expect(browser.page.html).toContain('data-test="select-organization"')
  })

  test('two tabs of somebody who signs in again both finish, the later one first', async () => {
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    const first = await begin({ browser, parameters: { prompt: 'login' } })
    const firstPage = browser.page.url
    const second = await begin({ browser, parameters: { prompt: 'login' } })
    await enterPassword(browser, 'grace@globex.test')
    expect((await second.redeem()).access_token).toBeTruthy()
    await browser.get(firstPage)
    await enterPassword(browser, 'grace@globex.test')
    expect((await first.redeem()).access_token).toBeTruthy()
  })

  test('two tabs of somebody who is not signed in yet both finish', async () => {
    const first = await begin()
    const { browser } = first
    const firstPage = browser.page.url
    const second = await begin({ browser })
    await enterPassword(browser, 'grace@globex.test')
    expect((await second.redeem()).access_token).toBeTruthy()
    await browser.get(firstPage)
    expect(browser.page.status).toBe(200)
    await enterPassword(browser, 'grace@globex.test')
    expect((await first.redeem()).access_token).toBeTruthy()
  })

  test('a password longer than 128 characters is refused before it is looked at', async () => {
    const { browser } = await begin()
    const log = await logOf(async () => {
      await browser.submit({ email: 'ada@acme.test' })
      await browser.submit({ email: 'ada@acme.test', password: 'x'.repeat(129) })
      expect(browser.page.status).toBe(400)
    })
    expect(log).toEqual([])
  })

  test('an unknown address, a wrong password and a deactivated person look the same, byte for byte', async () => {
    await gatehouse.apply(`users:
  - { email: off@acme.test, name: Gone, password: "${password}", active: false }
  - { email: idp@acme.test, name: Federated }`)
    /** Every address has the same length, so that even the lengths must be the same. */
    async function pagesOf(email: string, secret: string) {
      const { browser } = await begin()
      const uid = /\/interaction\/([\w-]+)/.exec(browser.page.url)![1]!
      const pages = [await browser.submit({ email }), await browser.submit({ email, password: secret })]
      const same = (text: string) =>
        text
          .replaceAll(uid, 'UID')
          .replaceAll(email, 'EMAIL')
          .replace(/name="_csrf" value="[^"]*"/g, 'CSRF')
      return pages.map(({ status, headers, html }) => {
        const kept = [...headers].filter(([name]) => !['date', 'x-request-id', 'set-cookie'].includes(name))
        return { status, headers: kept, html: same(html) }
      })
    }
    const known = await pagesOf('ada@acme.test', 'wrong password')
    expect(known.map(({ status }) => status)).toEqual([200, 401])
    expect(await pagesOf('zzz@acme.test', 'wrong password')).toEqual(known)
    expect(await pagesOf('off@acme.test', password)).toEqual(known)
    expect(await pagesOf('idp@acme.test', password)).toEqual(known)
    expect(await pagesOf('ada@acme.test', '')).toEqual(known)
  })

  test('of thirty wrong passwords at once, over two spellings and all nodes, at most ten are looked at', async () => {
    await gatehouse.apply(`users: [{ email: guessed@acme.test, password: "${password}" }]`)
    const { browser } = await begin()
    const { pathname } = new URL(browser.page.url)
    const cookie = browser.cookieNames().map((name) => `${name}=${browser.cookie(name)}`)
    const tries = async (count: number, secret: string) =>
      Promise.all(
        Array.from({ length: count }, (_, n) =>
          postForm(
            gatehouse,
            `${pathname}/login`,
            {
              _csrf: browser.hidden('_csrf')!,
              email: ['guessed@acme.test', ' GUESSED@Acme.test '][n % 2]!,
              password: secret,
            },
            { headers: { cookie: cookie.join('; ') }, port: deployment.ports[n % 2]! },
          ),
        ),
      )
    let answers: Awaited<ReturnType<typeof tries>> = []
    const log = await logOf(async () => {
      answers = await tries(30, 'wrong')
    })
    const evaluated = log.filter((reason) => reason === 'wrong_password')
    expect(evaluated.length).toBeGreaterThan(0)
    expect(evaluated.length).toBeLessThanOrEqual(10)
    expect(log.filter((reason) => reason === 'limited')).toHaveLength(30 - evaluated.length)
    const limited = answers.filter(({ status }) => status === 429)
    expect(limited).toHaveLength(30 - evaluated.length)
    for (const { headers } of limited) expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    // not even the right one, from a browser that nobody knows
    expect((await tries(1, password))[0]!.status).toBe(429)
  })

  test('a browser in which the person has signed in before is not locked out by a stranger', async () => {
    await gatehouse.apply(`organizations: [{ slug: acme, members: [{ email: ada@acme.test, admin: true, teams: [readers, writers] }, { email: known@acme.test }] }]
users: [{ email: known@acme.test, password: "${password}" }]`)
    const { browser: own } = await signIn(gatehouse.url, { email: 'known@acme.test' })
    const { browser: stranger } = await begin()
    await stranger.submit({ email: 'known@acme.test' })
    for (let n = 0; n < 11; n++) await stranger.submit({ email: 'known@acme.test', password: 'wrong' })
    expect(stranger.page.status).toBe(429)
    await begin({ browser: own, parameters: { prompt: 'login' } })
    await enterPassword(own, 'known@acme.test')
    expect(codeOf(own)).toBeTruthy()
  })

  test('max_age asks again when the sign-in is older, and prompt=login always', async () => {
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    await begin({ browser, parameters: { max_age: '3600' } })
    expect(codeOf(browser)).toBeTruthy()
    await begin({ browser, parameters: { max_age: '0' } })
    expect(browser.page.html).toContain('name="email"')
    await begin({ browser, parameters: { max_age: '0', prompt: 'none' } })
    expect(new URL(browser.page.url).searchParams.get('error')).toBe('login_required')
  })
})
