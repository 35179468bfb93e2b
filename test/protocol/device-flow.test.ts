import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { enterPassword, pickOrganization } from '#support/relying-party.ts'
import { allAtOnce, availableStores, type Deployment, deploy, isActive, postForm, type Stores } from '#support/wire.ts'

describe.each(availableStores())('the device flow on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']

  beforeAll(async () => {
    deployment = await deploy(store)
    gatehouse = deployment.gatehouse
  })
  afterAll(() => deployment.stop())

  async function startDevice() {
    const { status, json } = await postForm(gatehouse, '/oauth/device_authorization', {
      client_id: 'tv',
      scope: 'openid profile',
    })
    expect(status).toBe(200)
    expect(json.interval).toBe(5)
    return json as { device_code: string; user_code: string; verification_uri: string; expires_in: number }
  }

  const poll = (deviceCode: string, port?: number) =>
    postForm(
      gatehouse,
      '/oauth/token',
      { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: deviceCode, client_id: 'tv' },
      { ...(port && { port }) },
    )

  /** As if a device had waited. */
  const wait = (seconds: number) =>
    gatehouse.database.pool.query({
      text: `update single_uses set expires_at = expires_at - interval '${seconds} seconds'`,
    })

  /** Up to the page that asks whether this is one's device. */
  async function enterCode(browser: Browser, userCode: string) {
    await browser.get(`${gatehouse.url}/device`)
    return browser.submit({ user_code: userCode })
  }

  test('a person connects a device: code, confirmation, sign-in, organization, token', async () => {
    const device = await startDevice()
    expect(device.verification_uri).toBe(`${gatehouse.url}/device`)
    expect(await poll(device.device_code)).toMatchObject({ status: 400, json: { error: 'authorization_pending' } })

    const browser = new Browser()
    await enterCode(browser, device.user_code.toLowerCase())
    expect(browser.page.html).toContain('Television')
    expect(browser.page.html).toContain(device.user_code)
    await wait(5)
    expect(await poll(device.device_code)).toMatchObject({ json: { error: 'authorization_pending' } })
    await browser.submit({ confirm: 'yes' })
    await enterPassword(browser, 'ada@acme.test')
    await pickOrganization(browser, 'acme')
    expect(browser.page.html).toContain('data-test="device-done"')

    const { status, json } = await poll(device.device_code, deployment.ports[1])
    expect(status).toBe(200)
    expect(json.expires_in).toBe(900) // S2-40
    const { json: answer } = await gatehouse.introspect(String(json.access_token))
    expect(answer).toMatchObject({ active: true, username: 'ada@acme.test', org_slug: 'acme', client_id: 'tv' })

    // a device code is spent once, and a second use kills what it gave
    expect(await poll(device.device_code)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    expect(await isActive(gatehouse, String(json.access_token))).toBe(false)
  })

  test('a device that polls sooner than its interval is slowed down by every node, for five seconds more', async () => {
    const device = await startDevice()
    const next = async (port?: number) => (await poll(device.device_code, port)).json.error
    const [one, other] = deployment.ports
    expect(await next(one)).toBe('authorization_pending')
    expect(await poll(device.device_code, other)).toMatchObject({ status: 400, json: { error: 'slow_down' } })
    await wait(5)
    expect(await next(one)).toBe('slow_down')
    await wait(10)
    expect(await next(other)).toBe('authorization_pending')
    await wait(5)
    expect(await next(one)).toBe('authorization_pending')
    await wait(5)
    const answers = await allAtOnce(10, deployment.ports, (port) => next(port))
    expect(answers.toSorted()).toEqual(['authorization_pending', ...Array(9).fill('slow_down')])
    // another device waits for nothing, and what the person gave is handed out at once
    expect(await poll((await startDevice()).device_code)).toMatchObject({ json: { error: 'authorization_pending' } })
    const browser = new Browser()
    await enterCode(browser, device.user_code)
    await browser.submit({ confirm: 'yes' })
    await enterPassword(browser, 'grace@globex.test')
    expect(await poll(device.device_code)).toMatchObject({ status: 200 })
  })

  test('of twenty simultaneous polls over all nodes exactly one gets the tokens', async () => {
    const device = await startDevice()
    const browser = new Browser()
    await enterCode(browser, device.user_code)
    await browser.submit({ confirm: 'yes' })
    await enterPassword(browser, 'grace@globex.test')
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => poll(device.device_code, deployment.ports[n % 2])),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const lost of answers.filter(({ status }) => status !== 200)) {
      expect(lost).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    }
  })

  test('a person who cancels tells the device so', async () => {
    const device = await startDevice()
    const browser = new Browser()
    const confirm = await enterCode(browser, device.user_code)
    const [xsrf, user_code] = [browser.hidden('xsrf')!, browser.hidden('user_code')!]
    await browser.post(confirm.url, { xsrf, user_code, abort: 'yes' })
    expect(browser.page.html).toContain('cancelled')
    expect(await poll(device.device_code)).toMatchObject({ status: 400, json: { error: 'access_denied' } })
  })

  test('a person who goes back instead of signing in tells the device so', async () => {
    const device = await startDevice()
    const browser = new Browser()
    await enterCode(browser, device.user_code)
    await browser.submit({ confirm: 'yes' })
    await enterPassword(browser, 'nobody@example.test')
    expect(browser.page.html).toContain('data-test="no-organization"')
    expect(await poll(device.device_code)).toMatchObject({ json: { error: 'authorization_pending' } })
    await browser.submit({}, '/abort')
    expect(browser.page.status).toBeLessThan(500)
    expect(await poll(device.device_code)).toMatchObject({ status: 400, json: { error: 'access_denied' } })
  })

  test.each(['AAAA-AAAA', '', '\0', '<script>', 'x'.repeat(5000)])(
    'a wrong code %j is asked for again',
    async (code) => {
      const browser = new Browser()
      await enterCode(browser, code)
      expect(browser.page.status).toBeLessThan(500)
      expect(browser.page.html).toContain('data-test="device-code"')
      expect(browser.page.html).toContain('data-test="error"')
      expect(browser.page.html).not.toContain('<script>')
    },
  )

  test('a code that somebody has taken up is used: nobody else may confirm or cancel it', async () => {
    const device = await startDevice()
    const [first, second] = [new Browser(), new Browser()]
    await enterCode(first, device.user_code)
    await enterCode(second, device.user_code)
    const stale = { xsrf: second.hidden('xsrf')!, user_code: second.hidden('user_code')! }
    await first.submit({ confirm: 'yes' })
    expect(first.page.html).toContain('name="email"')
    await second.post(`${gatehouse.url}/device`, { ...stale, abort: 'yes' })
    expect(second.page.html).toContain('has been used')
    await enterCode(second, device.user_code)
    expect(second.page.html).toContain('has been used')
    expect(await poll(device.device_code)).toMatchObject({ json: { error: 'authorization_pending' } })
  })

  test('of two browsers that confirm one code at once, one goes on', async () => {
    const device = await startDevice()
    const browsers = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const browser = new Browser()
        await enterCode(browser, device.user_code)
        return browser
      }),
    )
    await Promise.all(browsers.map((browser) => browser.submit({ confirm: 'yes' })))
    expect(browsers.filter(({ page }) => page.html.includes('name="email"'))).toHaveLength(1)
    for (const { page } of browsers) expect(page.status).toBeLessThan(500)
  })

  test('a confirmation without the token of its own page is refused, and changes nothing', async () => {
    const device = await startDevice()
    const browser = new Browser()
    await enterCode(browser, device.user_code)
    for (const xsrf of ['', 'x'.repeat(48)]) {
      await browser.post(`${gatehouse.url}/device`, { user_code: device.user_code, confirm: 'yes', xsrf })
      expect(browser.page.html).not.toContain('name="email"')
      expect(browser.page.status).toBe(400)
    }
    // a link that carries the code confirms nothing by itself
    await browser.get(`${gatehouse.url}/device?user_code=${device.user_code}`)
    await browser.submit()
    expect(browser.page.html).toContain('data-test="device-confirm"')
    expect(await poll(device.device_code)).toMatchObject({ json: { error: 'authorization_pending' } })
  })

  test("another client's device code, and one that never was, are refused", async () => {
    const device = await startDevice()
    const fields = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'tv' }
    expect(await postForm(gatehouse, '/oauth/token', { ...fields, device_code: 'never-was' })).toMatchObject({
      status: 400,
      json: { error: 'invalid_grant' },
    })
    const foreign = await postForm(gatehouse, '/oauth/token', {
      ...fields,
      client_id: 'console',
      device_code: device.device_code,
    })
    expect(foreign.status).toBe(400)
  })
})
