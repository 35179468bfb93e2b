import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ask, asker, withCarol } from '#support/access.ts'
import type { Browser } from '#support/browser.ts'
import { clientToken } from '#support/credential-requests.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { makeSignInsOld } from '#support/key-forms.ts'
import { signInTo } from '#support/keys.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

const at = '/admin/service-accounts'
const inApi = '/v1/organizations/acme/service-accounts'

describe.each(availableDatabases())('the pages of service accounts on %s', (database) => {
  let gatehouse: Gatehouse
  let ask: Ask
  let browser: Browser
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database, setup: withCarol })
    ask = asker(gatehouse, await signInTo(gatehouse, 'acme'))
    browser = await openAccount(gatehouse, { path: at })
  })
  afterAll(() => gatehouse.stop())

  const open = (path = '', by = browser) => by.get(`${gatehouse.url}${at}${path}`)
  const secretOn = (page: Browser) => textOf(page, 'secret')
  const tokenWith = (clientId: string, clientSecret: string) =>
    clientToken(gatehouse.url, {}, { clientId, clientSecret }).then(
      (token) => gatehouse.introspect(token),
      () => undefined,
    )
  const worksWith = async (clientId: string, secret: string) =>
    (await tokenWith(clientId, secret))?.json.active === true
  const made = async (fields: Record<string, string> = {}) => {
    await open('/new')
    await browser.submit({ name: 'Nightly', step: 'save', ...fields }, '/new')
    const clientId = /service-accounts\/(cli_\w+)\/secret$/.exec(pathOf(browser))?.[1] ?? ''
    return { clientId, secret: secretOn(browser), path: `/${clientId}` }
  }

  test('make one with grants, and show its secret once', async () => {
    const account = await made({
      name: ' Nightly export 🚀 ',
      description: 'Exports <all>',
      'may:configuration-items:read': 'on',
      source: 'kubernetes',
    })
    expect(browser.page.headers.get('cache-control')).toBe('no-store')
    expect(account.secret).toMatch(/^[\w-]{32,}$/)
    expect(textOf(browser, 'curl')).toContain('grant_type=client_credentials')
    expect((await tokenWith(account.clientId, account.secret))?.json).toMatchObject({
      active: true,
      permissions: ['configuration-items:read'],
      data_scopes: [{ source: 'kubernetes', scope_id: null }],
    })
    expect((await ask('GET', `${inApi}${account.path}`)).json).toMatchObject({
      client_name: 'Nightly export 🚀',
      description: 'Exports <all>',
    })
    // a reload makes nothing twice, and shows no secret
    await browser.get(browser.page.url)
    expect(browser.page.status).toBe(200)
    expect(browser.page.html).not.toContain(account.secret)
    expect(textOf(browser, 'shown-already')).toContain('rotate')
    await open()
    expect(browser.page.html.match(/Nightly export 🚀/g)).toHaveLength(1)
    expect(browser.page.html).toContain('Exports &lt;all&gt;')
    expect(browser.page.html).not.toContain(account.secret)
  })

  test('keep the secret for the browser, the session and the page that it was made for', async () => {
    await open('/new')
    const form = { _csrf: browser.hidden('_csrf')!, name: 'Sealed', step: 'save' }
    const posted = await fetch(`${gatehouse.url}${at}/new`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie: browser.cookiesFor(at) },
      body: new URLSearchParams(form),
    })
    expect(posted.status).toBe(303)
    const page = posted.headers.get('location') ?? ''
    expect(page).toMatch(/^\/admin\/service-accounts\/cli_\w+\/secret$/)
    const cookie = posted.headers.getSetCookie().find((one) => one.startsWith('gatehouse-once=')) ?? ''
    expect(cookie).toMatch(/httponly/i)
    expect(cookie).toMatch(/samesite=strict/i)
    const [name = '', value = ''] = cookie.split(';')[0]!.split(/=(.*)/)
    const other = await openAccount(gatehouse, { path: at })
    other.setCookie(name, value)
    await other.get(`${gatehouse.url}${page}`)
    expect(textOf(other, 'shown-already')).not.toBe('')
    browser.setCookie(name, value)
    await open('/nightly-export/secret')
    expect(textOf(browser, 'shown-already')).not.toBe('')
    await browser.get(`${gatehouse.url}${page}`)
    expect(secretOn(browser)).not.toBe('')
    browser.setCookie(name, `${value.slice(0, -4)}AAAA`)
    await browser.get(`${gatehouse.url}${page}`)
    expect(textOf(browser, 'shown-already')).not.toBe('')
  })

  test('refuse at its field what is wrong, and keep what was typed', async () => {
    await open('/new')
    await browser.submit(
      { name: ' ', description: 'kept', 'may:reports:read': 'on', scope_id: 'x', step: 'save' },
      '/new',
    )
    expect(browser.page.status).toBe(422)
    expect(textOf(browser, 'error-name')).toBe('Fill this in.')
    expect(textOf(browser, 'error-source')).toContain('Name the source')
    expect(browser.page.html).toContain('value="kept"')
    expect(browser.page.html).toContain('name="may:reports:read" checked')
    await open('/new')
    await browser.submit({ name: 'Wrong', 'may:no:such': 'on', step: 'save' }, '/new')
    expect(browser.page.status).toBe(422)
    expect(textOf(browser, 'error-may')).toContain('no:such')
    await open('/new')
    await browser.submit({ name: 'Adding', source: 'ceph', step: 'add' }, '/new')
    expect(browser.page.html).toContain('value="Adding"')
    expect(browser.page.html).toContain('name="add:[&#34;ceph&#34;,null]" checked')
    await open('?q=Wrong')
    expect(textOf(browser, 'no-accounts')).toContain('No service account matches')
  })

  test('rotate with an overlap, count it down, and end the old secret', async () => {
    const { clientId, secret, path } = await made()
    await open(`${path}/rotate`)
    await browser.submit({ overlap: '86400' }, '/rotate')
    const newer = secretOn(browser)
    expect(textOf(browser, 'old-until')).toMatch(/The old secret works until .* UTC \( ?in 23 hours ?\)/)
    expect(await Promise.all([worksWith(clientId, secret), worksWith(clientId, newer)])).toEqual([true, true])
    await open(path)
    expect(textOf(browser, 'secrets')).toMatch(/Until .* UTC \( ?in 23 hours ?\)/)
    // the one that stays can only be rotated
    expect(browser.page.html.match(/data-test="end-secret"/g)).toHaveLength(1)
    const end = /href="([^"]*\/secrets\/[^"]*\/end)"/.exec(browser.page.html)?.[1] ?? ''
    await browser.get(`${gatehouse.url}${end}`)
    await browser.submit({}, '/end')
    expect(textOf(browser, 'done')).toContain('refused from now on')
    expect(await Promise.all([worksWith(clientId, secret), worksWith(clientId, newer)])).toEqual([false, true])
    await open(`${path}/rotate`)
    await browser.submit({ overlap: '7' }, '/rotate')
    expect(browser.page.status).toBe(422)
  })

  test('say at the form that there are ten secrets already', async () => {
    const { path } = await made()
    for (let secrets = 1; secrets <= 10; secrets++) {
      await open(`${path}/rotate`)
      await browser.submit({ overlap: '3600' }, '/rotate')
    }
    expect(browser.page.status).toBe(409)
    expect(textOf(browser, 'refusal')).toContain('10 live secrets')
  })

  test('switch one off, saying what breaks, and on again', async () => {
    const { clientId, secret, path } = await made({ 'may:reports:read': 'on' })
    await open(`${path}/deactivate`)
    expect(textOf(browser, 'breaks')).toContain('reports:read')
    expect(await worksWith(clientId, secret)).toBe(true)
    await browser.submit({}, '/deactivate')
    expect(textOf(browser, 'done')).toContain('switched off')
    expect(await worksWith(clientId, secret)).toBe(false)
    await browser.submit({}, '/activate')
    expect(await worksWith(clientId, secret)).toBe(true)
    await open('?state=off')
    expect(browser.page.html).not.toContain(`account-${clientId}"`)
  })

  test('delete one, saying what breaks', async () => {
    const { clientId, secret, path } = await made()
    const token = await clientToken(gatehouse.url, {}, { clientId, clientSecret: secret })
    await open(`${path}/delete`)
    expect(textOf(browser, 'breaks')).toContain('Its secret ends')
    await browser.submit({}, '/delete')
    expect(pathOf(browser)).toBe(`${at}?done=deleted`)
    expect((await gatehouse.introspect(token)).json).toEqual({ active: false })
    await open(path)
    expect(browser.page.status).toBe(404)
  })

  test('rename one, and take its description away', async () => {
    const { path } = await made({ description: 'Old words' })
    await open(`${path}/edit`)
    await browser.submit({ name: 'Other', description: '' }, '/edit')
    expect(textOf(browser, 'done')).not.toBe('')
    const { json } = await ask('GET', `${inApi}${path}`)
    expect(json.client_name).toBe('Other')
    expect(json).not.toHaveProperty('description')
    await open(`${path}/edit`)
    await browser.submit({ name: '' }, '/edit')
    expect(textOf(browser, 'error-name')).toBe('Fill this in.')
  })

  test('know nothing of another organization’s, and of clients that are none', async () => {
    const grace = await openAccount(gatehouse, { email: 'grace@globex.test', path: at })
    expect(textOf(grace, 'no-accounts')).toContain('No service account yet')
    const { path } = await made()
    for (const rest of ['', '/secret', '/edit', '/rotate', '/deactivate', '/delete']) {
      await open(`${path}${rest}`, grace)
      expect(grace.page.status, rest).toBe(404)
      await open(`/webapp${rest}`)
      expect(browser.page.status, rest).toBe(404)
    }
    const { json } = await ask('GET', `${inApi}${path}`)
    await open('', grace)
    const _csrf = grace.hidden('_csrf')!
    for (const action of ['edit', 'rotate', 'deactivate', 'activate', 'delete']) {
      await grace.post(`${gatehouse.url}${at}${path}/${action}`, {
        _csrf,
        name: 'x',
        overlap: '0',
      })
      expect(grace.page.status, action).toBe(404)
    }
    expect((await ask('GET', `${inApi}${path}`)).json).toEqual(json)
  })

  test('are for administrators, and ask for a fresh sign-in before a secret is made', async () => {
    const member = await openAccount(gatehouse, { email: 'carol@acme.test' })
    for (const path of ['', '/new', '/nightly-export']) {
      await open(path, member)
      expect(member.page.status, path).toBe(403)
    }
    await browser.post(`${gatehouse.url}${at}/new`, { name: 'Forged', step: 'save' })
    expect(browser.page.status).toBe(403)
    await makeSignInsOld(gatehouse)
    for (const path of ['/new', '/nightly-export/rotate']) {
      await open(path)
      expect(browser.page.html, path).toContain('name="password"')
    }
    await open('/nightly-export')
    expect(browser.page.status).toBe(200)
  })
})
