import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, databases } from '#support/api-requests.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { askForKey, createKey, type SignedIn, signInTo } from '#support/keys.ts'
import { openAccount } from '#support/signed-in.ts'
import { type RouteName, rights } from '#surfaces/api-kit/rights.ts'

const connection = { name: 'okta', type: 'oidc', issuer: 'https://idp.example', client_id: 'x', client_secret: 'y' }

describe.each(databases)('API keys and administration on %s', (database) => {
  let gatehouse: Gatehouse
  /** Admin of Globex. */
  let grace: SignedIn
  /** Plain member of Globex. */
  let ada: SignedIn
  let ordinary: SignedIn
  let administering: SignedIn
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    ada = await signInTo(gatehouse, 'globex')
    const by = ({ key }: { key: string }): SignedIn => ({ headers: { 'x-api-key': key }, token: key })
    ordinary = by(await createKey(gatehouse, grace))
    administering = by(await createKey(gatehouse, grace, { administration: true }))
  })
  afterAll(() => gatehouse.stop())

  const ask = (by: SignedIn, method: string, path: string, json?: unknown) =>
    call(gatehouse, path, { method, json, headers: by.headers })

  test('a key is for administration only when it was asked for, and says so', async () => {
    const { json } = await createKey(gatehouse, grace)
    expect(json.administration).toBe(false)
    const made = await createKey(gatehouse, grace, { administration: true })
    expect(made.json.administration).toBe(true)
    const listed = (await ask(grace, 'GET', `/v1/api-keys/${made.id}`)).json
    expect(listed.administration).toBe(true)
  })

  test('only a key of an administrator is, whoever makes it', async () => {
    const own = await askForKey(gatehouse, ada, { administration: true })
    expect([own.status, own.json.errors]).toMatchObject([422, [{ path: 'administration' }]])
    const forAda = await askForKey(gatehouse, grace, { administration: true, user: 'ada@acme.test' })
    expect([forAda.status, forAda.json.errors]).toMatchObject([422, [{ path: 'administration' }]])
  })

  test('no key changes connections, domains or keys, not even one for administration', async () => {
    const target = await createKey(gatehouse, grace)
    const root = await signInTo(gatehouse, 'globex', 'root@example.test')
    const roots = await createKey(gatehouse, root, { administration: true })
    const org = '/v1/organizations/globex'
    const changes: [method: string, path: string, json?: unknown][] = [
      ['POST', `${org}/connections`, connection],
      ['PATCH', `${org}/connections/okta`, { enabled: false }],
      ['POST', `${org}/connections/okta/try`],
      ['DELETE', `${org}/connections/okta`],
      ['POST', '/v1/connections', connection],
      ['POST', `${org}/domains`, { domain: 'stolen.test' }],
      ['POST', `${org}/domains/stolen.test/verify`],
      ['DELETE', `${org}/domains/stolen.test`],
      ['POST', '/v1/api-keys', { name: 'another', expires_in_days: 7 }],
      ['PATCH', `/v1/api-keys/${target.id}`, { name: 'renamed' }],
      ['POST', `/v1/api-keys/${target.id}/revoke`],
      ['POST', `/v1/api-keys/${target.id}/reactivate`],
      ['DELETE', `/v1/api-keys/${target.id}`],
    ]
    for (const by of [ordinary, administering, { headers: { 'x-api-key': roots.key }, token: roots.key }]) {
      for (const [method, path, json] of changes) {
        const { status, json: problem } = await ask(by, method, path, json)
        expect([method, path, status, problem.code]).toEqual([method, path, 403, 'permission_denied'])
      }
    }
    expect((await ask(grace, 'GET', `/v1/api-keys/${target.id}`)).json).toMatchObject({ status: 'active' })
    expect((await ask(grace, 'GET', `${org}/domains`)).json.items).toEqual([])
    expect((await ask(grace, 'GET', `${org}/connections`)).json.items).toEqual([])
  })

  test('no right lets a plain key change anything, nor any key what opens an organization to others', async () => {
    const { paths } = (await call(gatehouse, '/openapi.json')).json as {
      paths: Record<string, Record<string, { operationId: RouteName }>>
    }
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => ({ path, method, right: rights[operationId] })),
    )
    const changes = operations.filter(({ method, right }) => method !== 'get' && right && right.who !== 'anyone')
    expect(changes.length).toBeGreaterThan(20)
    expect(changes.filter(({ right }) => right.keys === 'every')).toEqual([])
    const closed = changes.filter(({ path }) => /\/(connections|domains|factors|api-keys|sign-out)\b/.test(path))
    expect(closed.filter(({ right }) => right.keys !== 'never')).toEqual([])
  })

  test('an administering key changes members, and makes nobody an admin', async () => {
    const member = '/v1/organizations/globex/members/ada%40acme.test'
    expect((await ask(ordinary, 'PATCH', member, { active: false })).status).toBe(403)
    for (const active of [false, true]) {
      const { status, json } = await ask(administering, 'PATCH', member, { active })
      expect([status, json.active]).toEqual([200, active])
    }
    const promoted = await ask(administering, 'PATCH', member, { admin: true })
    const invited = await ask(administering, 'POST', '/v1/organizations/globex/members', {
      email: 'x@globex.test',
      admin: true,
    })
    const demoted = await ask(administering, 'PATCH', '/v1/organizations/globex/members/grace%40globex.test', {
      admin: false,
    })
    for (const { status, json } of [promoted, invited, demoted]) {
      expect([status, json.code]).toEqual([403, 'permission_denied'])
    }
    expect(
      (await ask(administering, 'POST', '/v1/organizations/globex/members', { email: 'x@globex.test' })).status,
    ).toBe(202)
  })

  test('a key still reads what its owner may', async () => {
    for (const by of [ordinary, administering]) {
      expect((await ask(by, 'GET', '/v1/organizations/globex/domains')).status).toBe(200)
      expect((await ask(by, 'GET', '/v1/api-keys?user=*')).status).toBe(200)
    }
  })

  test('the page offers it to administrators, off by default, and says what it means before the key is made', async () => {
    const browser = await openAccount(gatehouse, { email: 'grace@globex.test', path: '/account/api-keys/new' })
    expect(browser.page.html).toMatch(/<input type="checkbox" name="administration" value="yes">/)
    await browser.submit({ name: 'deploys', expires: '7', administration: 'yes' }, '/new')
    expect(browser.page.html).toContain('data-test="administration"')
    await browser.submit({}, '/account/api-keys')
    expect(browser.page.html).toContain('data-test="created"')
    await browser.get(`${gatehouse.url}/account/api-keys`)
    expect(browser.page.html).toContain('data-test="administration"')
    const adas = await openAccount(gatehouse, { pick: 'globex', path: '/account/api-keys/new' })
    expect(adas.page.html).not.toContain('name="administration"')
  })
})
