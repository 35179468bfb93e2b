import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Browser } from '#support/browser.ts'
import { clientToken } from '#support/credential-requests.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, serviceAccount, startGatehouse } from '#support/gatehouse.ts'
import { makeSignInsOld } from '#support/key-forms.ts'
import { signInTo } from '#support/keys.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

const at = '/deployment/applications'
const adding = '/deployment/new-application'
const callback = 'https://app.example/callback'

describe.each(availableDatabases())('the pages of applications on %s', (database) => {
  let gatehouse: Gatehouse
  let browser: Browser
  let headers: Record<string, string>
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    headers = (await signInTo(gatehouse, 'globex', 'root@example.test')).headers
    browser = await openAccount(gatehouse, { email: 'root@example.test', pick: 'globex', path: at })
  })
  afterAll(() => gatehouse.stop())

  const open = (path: string, by = browser) => by.get(`${gatehouse.url}${path}`)
  const inApi = async (clientId: string) => {
    const answer = await fetch(`${gatehouse.url}/v1/clients/${clientId}`, { headers })
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
  }
  const post = async (kind: string, fields: Record<string, string>) => {
    await open(`${adding}/${kind}`)
    await browser.submit(fields, `/${kind}`)
  }
  const made = async (kind: string, fields: Record<string, string>) => {
    await post(kind, fields)
    const clientId = new RegExp(`^${at}/([^/?]+)`).exec(pathOf(browser))?.[1] ?? ''
    return { clientId, secret: textOf(browser, 'secret'), path: `${at}/${clientId}` }
  }
  /** What the API answers of a client that proves itself so: introspection is for APIs alone. */
  const introspectsWith = async (clientId: string, secret: string) => {
    const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`
    const body = new URLSearchParams({ token: await clientToken(gatehouse.url) })
    const answer = await fetch(`${gatehouse.url}/oauth/introspect`, {
      method: 'POST',
      headers: { authorization },
      body,
    })
    return answer.status
  }

  test('are for superadmins, and ask for a fresh sign-in before a secret is made', async () => {
    const admin = await openAccount(gatehouse, { path: '/account/profile' })
    const { path } = await made('web', { name: 'Guarded', redirect_uris: callback })
    for (const page of [at, adding, `${adding}/web`, path, `${path}/edit`, `${path}/rotate`, `${path}/delete`]) {
      await open(page, admin)
      expect(admin.page.status, page).toBe(403)
    }
    const _csrf = await open('/account/profile', admin).then(() => admin.hidden('_csrf')!)
    for (const page of [`${adding}/web`, `${path}/edit`, `${path}/rotate`, `${path}/activate`, `${path}/delete`]) {
      await admin.post(`${gatehouse.url}${page}`, { _csrf, name: 'Taken', redirect_uris: callback, overlap: '0' })
      expect(admin.page.status, page).toBe(403)
    }
    await browser.post(`${gatehouse.url}${path}/delete`, {})
    expect(browser.page.status).toBe(403)
    await open(path)
    expect(browser.page.status).toBe(200)
  })

  test('a web application is made with a secret that is shown once', async () => {
    const { clientId, secret, path } = await made('web', {
      name: 'Wiki <all>',
      redirect_uris: `${callback}\r\n\r\n https://wiki.example/callback `,
      post_logout_redirect_uris: 'https://wiki.example/',
      first_party: 'yes',
      organization: 'acme',
    })
    expect(secret).toMatch(/^[\w-]{32,}$/)
    expect(textOf(browser, 'curl')).toContain(`OIDC_CLIENT_SECRET=${secret}`)
    expect((await inApi(clientId)).json).toMatchObject({
      client_name: 'Wiki <all>',
      organization: { slug: 'acme' },
      redirect_uris: [callback, 'https://wiki.example/callback'],
      post_logout_redirect_uris: ['https://wiki.example/'],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic',
      first_party: true,
    })
    await browser.get(browser.page.url)
    expect(browser.page.html).not.toContain(secret)
    expect(textOf(browser, 'shown-already')).toContain('rotate')
    await open(path)
    expect(textOf(browser, 'addresses')).toContain('https://wiki.example/callback')
    expect(textOf(browser, 'facts')).toContain('first-party')
    expect(browser.page.html).not.toContain(secret)
  })

  test('a mobile application is public, and may have a scheme of its own', async () => {
    const uris = 'com.example.app:/callback\nhttp://127.0.0.1/callback'
    const fields = { name: 'Phone', client_id: 'phone', redirect_uris: uris }
    await post('public', { ...fields, application_type: 'web' })
    expect(browser.page.status).toBe(422)
    expect(textOf(browser, 'error-redirect_uris')).toContain('com.example.app:/callback cannot be used')
    await post('public', { ...fields, application_type: 'native' })
    expect(pathOf(browser)).toBe(`${at}/phone?done=created`)
    expect(browser.page.html).toContain('PKCE')
    expect((await inApi('phone')).json).toMatchObject({
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      first_party: false,
    })
    await post('public', { ...fields, application_type: 'native' })
    expect([browser.page.status, textOf(browser, 'error-client_id')]).toEqual([422, expect.stringContaining('another')])
  })

  test('an API introspects with the secret that it was given', async () => {
    await post('api', { name: 'Reports', access_token_format: 'jwt' })
    expect([browser.page.status, textOf(browser, 'error-resource')]).toEqual([422, expect.stringContaining('JWT')])
    const resource = 'https://made.example'
    const { clientId, secret } = await made('api', { name: 'Made', resource, access_token_format: 'jwt' })
    expect(textOf(browser, 'curl')).toContain('/oauth/introspect')
    expect(await introspectsWith(clientId, secret)).toBe(200)
    expect(await introspectsWith(clientId, 'wrong')).toBe(401)
    expect((await inApi(clientId)).json).toMatchObject({ resource_server: true, resource, access_token_format: 'jwt' })
    await post('api', { name: 'Twice', resource, access_token_format: 'opaque' })
    expect([browser.page.status, textOf(browser, 'error-resource')]).toEqual([422, expect.stringContaining('Another')])
  })

  test('what is wrong is said at its field, and what was typed stays', async () => {
    await post('web', { name: ' ', redirect_uris: ' ', organization: 'nowhere' })
    expect(browser.page.status).toBe(422)
    expect(textOf(browser, 'error-name')).toBe('Fill this in.')
    await post('web', { name: 'Kept', redirect_uris: callback, organization: 'nowhere', client_id: 'usr_1' })
    expect(textOf(browser, 'error-client_id')).toContain('usr_')
    await post('web', { name: 'Kept', redirect_uris: ' ' })
    expect(textOf(browser, 'error-redirect_uris')).toBe('Fill this in.')
    await post('web', { name: 'Kept', redirect_uris: callback, organization: 'nowhere' })
    expect(textOf(browser, 'error-organization')).toContain('no such organization')
    expect(browser.page.html).toContain('value="Kept"')
    expect(browser.page.html).toContain('value="nowhere"')
    await open(`${adding}/service_account`)
    expect(browser.page.status).toBe(404)
  })

  test('an edit changes what its form has, and no more', async () => {
    const { clientId, path } = await made('web', { name: 'Edited', redirect_uris: callback, first_party: 'yes' })
    const before = (await inApi(clientId)).json
    await open(`${path}/edit`)
    const wrong = `${callback}\nhttp://app.example/plain`
    await browser.submit({ name: 'Other', redirect_uris: wrong, post_logout_redirect_uris: '' }, '/edit')
    expect(browser.page.status).toBe(422)
    expect(textOf(browser, 'error-redirect_uris')).toContain('http://app.example/plain cannot be used')
    expect(browser.page.html).toContain('>https://app.example/callback\nhttp://app.example/plain</textarea>')
    expect(browser.page.html).toContain('value="Other"')
    expect((await inApi(clientId)).json).toEqual(before)
    const redirect_uris = 'https://app.example/new'
    await browser.submit(
      { name: 'Other', redirect_uris, post_logout_redirect_uris: '', first_party: '', resource: 'https://x.example' },
      '/edit',
    )
    expect(textOf(browser, 'done')).toContain('saved')
    expect((await inApi(clientId)).json).toEqual({
      ...before,
      client_name: 'Other',
      redirect_uris: [redirect_uris],
      first_party: false,
    })
  })

  test('a secret is rotated with an overlap, and the old one ended', async () => {
    const { clientId, secret, path } = await made('api', { name: 'Rotating' })
    await open(`${path}/rotate`)
    await browser.submit({ overlap: '86400' }, '/rotate')
    const newer = textOf(browser, 'secret')
    expect(newer).not.toBe(secret)
    expect([await introspectsWith(clientId, secret), await introspectsWith(clientId, newer)]).toEqual([200, 200])
    await open(path)
    const end = /href="([^"]*\/secrets\/[^"]*\/end)"/.exec(browser.page.html)?.[1] ?? ''
    await open(end)
    await browser.submit({}, '/end')
    expect(pathOf(browser)).toBe(`${path}?done=ended`)
    expect([await introspectsWith(clientId, secret), await introspectsWith(clientId, newer)]).toEqual([401, 200])
  })

  test('one is switched off, on again, and deleted, each saying what breaks', async () => {
    const resource = 'https://breaking.example'
    const { clientId, secret, path } = await made('api', { name: 'Breaking', resource })
    await open(`${path}/deactivate`)
    expect(textOf(browser, 'breaks')).toContain(resource)
    expect(await introspectsWith(clientId, secret)).toBe(200)
    await browser.submit({}, '/deactivate')
    expect(textOf(browser, 'is-off')).toContain('switched off')
    expect(await introspectsWith(clientId, secret)).toBe(401)
    await browser.submit({}, '/activate')
    expect(await introspectsWith(clientId, secret)).toBe(200)
    await open(`${path}/delete`)
    expect(textOf(browser, 'breaks')).toContain('Its secret ends')
    await browser.submit({}, '/delete')
    expect(pathOf(browser)).toBe(`${at}?done=deleted`)
    expect(await introspectsWith(clientId, secret)).toBe(401)
    expect((await inApi(clientId)).status).toBe(404)
    await open(path)
    expect(browser.page.status).toBe(404)
  })

  test('the list finds them by owner, kind, state and name, and has no service accounts', async () => {
    const acmes = await made('web', { name: 'Listed of Acme', redirect_uris: callback, organization: 'acme' })
    const api = await made('api', { name: 'Listed API' })
    const found = async (query: string) => {
      await open(`${at}?q=Listed&${query}`)
      return [acmes, api].map(({ clientId }) => browser.page.html.includes(`application-${clientId}"`))
    }
    expect(await found('')).toEqual([false, true])
    expect(await found('organization=acme')).toEqual([true, false])
    expect(await found('organization=*')).toEqual([true, true])
    expect(await found('organization=*&kind=application')).toEqual([true, false])
    expect(await found('organization=*&kind=api')).toEqual([false, true])
    expect(await found('organization=*&state=off')).toEqual([false, false])
    await open(`${at}?organization=acme&q=${serviceAccount.clientId}`)
    expect(textOf(browser, 'none')).toContain('No application matches')
    for (const path of [serviceAccount.clientId, `${serviceAccount.clientId}/delete`, 'gatehouse', 'gatehouse/edit']) {
      await open(`${at}/${path}`)
      expect(browser.page.status, path).toBe(404)
    }
    await open(`${at}?organization=nowhere`)
    expect(browser.page.status).toBe(404)
    await open(`${at}?q=%00`)
    expect([browser.page.status, textOf(browser, 'none')]).toEqual([
      200,
      expect.stringContaining('No application matches'),
    ])
  })

  test('thirty are paged', async () => {
    await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        fetch(`${gatehouse.url}/v1/clients`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify({ client_name: `Paged ${n}`, redirect_uris: [callback] }),
        }),
      ),
    )
    const names = () => browser.page.html.match(/Paged \d+/g) ?? []
    await open(`${at}?q=Paged`)
    const first = names()
    await open(
      /href="([^"]*)" data-test="older"/.exec(browser.page.html)![1]!.replaceAll('&amp;', '&').replaceAll('&#38;', '&'),
    )
    expect(new Set([...first, ...names()])).toHaveLength(30)
  })

  test('an old sign-in makes no secret', async () => {
    const { path } = await made('api', { name: 'Old' })
    await makeSignInsOld(gatehouse)
    for (const page of [`${adding}/web`, `${path}/rotate`]) {
      await open(page)
      expect(browser.page.html, page).toContain('name="password"')
    }
  })
})
