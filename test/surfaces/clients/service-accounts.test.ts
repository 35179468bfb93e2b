import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noteClientUses } from '#credentials/log/last-uses.ts'
import { type Call, call, databases } from '#support/api-requests.ts'
import { clientToken, inactive } from '#support/credential-requests.ts'
import {
  confidentialClient,
  type Gatehouse,
  resourceServer,
  serviceAccount,
  startGatehouse,
} from '#support/gatehouse.ts'
import { createKey, type SignedIn, signInTo } from '#support/keys.ts'

describe.each(databases)('service accounts through the API on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: SignedIn
  let grace: SignedIn
  let root: SignedIn
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    ada = await signInTo(gatehouse, 'acme')
    grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    root = await signInTo(gatehouse, 'globex', 'root@example.test')
  })
  afterAll(() => gatehouse.stop())

  const pathOf = (org: string) => `/v1/organizations/${org}/service-accounts`
  const ask = (rest = '', more: Call = {}, by = ada, org = 'acme') =>
    call(gatehouse, `${pathOf(org)}${rest}`, { ...more, headers: { ...by.headers, ...more.headers } })
  const create = (json: Record<string, unknown> = {}, by = ada, org = 'acme') => ask('', { json }, by, org)
  const credentialsOf = ({ json }: Awaited<ReturnType<typeof ask>>) => ({
    clientId: String(json.client_id),
    clientSecret: String(json.client_secret),
  })
  const errorsOf = ({ json }: Awaited<ReturnType<typeof ask>>) =>
    (json.errors as { path: string }[] | undefined)?.map(({ path }) => path)

  test('an admin makes one, and it acts with what it was given', async () => {
    const made = await create({
      client_name: 'Nightly report',
      permissions: ['reports:read', 'configuration-items:*'],
      data_scopes: [{ source: 'kubernetes', scope_id: null }],
      contacts: ['platform@acme.test'],
    })
    expect(made.status).toBe(201)
    expect(made.headers['cache-control']).toBe('no-store')
    const { client_secret, ...rest } = made.json
    expect(rest).toEqual({
      client_id: expect.stringMatching(/^cli_/),
      client_name: 'Nightly report',
      token_endpoint_auth_method: 'client_secret_basic',
      contacts: ['platform@acme.test'],
      permissions: ['configuration-items:*', 'reports:read'],
      data_scopes: [{ source: 'kubernetes', scope_id: null }],
      active: true,
      created_at: expect.any(String),
      last_used_at: null,
    })
    expect((await ask(`/${rest.client_id}`)).json).toEqual(rest)
    const token = await clientToken(gatehouse.url, {}, credentialsOf(made))
    expect((await gatehouse.introspect(token)).json).toMatchObject({
      sub: rest.client_id,
      org_slug: 'acme',
      data_scopes: [{ source: 'kubernetes', scope_id: null }],
    })
    expect(client_secret).toMatch(/^[\w-]{43}$/)
  })

  test.each<[string, unknown]>([
    ['client_id', 'of-my-own'],
    ['first_party', true],
    ['resource_server', true],
    ['organization', 'globex'],
    ['redirect_uris', ['https://app.example/callback']],
    ['grant_types', ['authorization_code']],
    ['resource', 'https://r.example'],
    ['client_secret', 'of-my-own-0123456789'],
    ['token_endpoint_auth_method', 'none'],
  ])('%s is no admin’s to decide, when it is made and afterwards', async (member, value) => {
    const before = await gatehouse.database.db.selectFrom('clients').select('clientId').execute()
    const refused = await create({ [member]: value })
    expect([refused.status, errorsOf(refused)]).toEqual([422, [member]])
    const edit = await ask(`/${serviceAccount.clientId}`, { method: 'PATCH', json: { [member]: value } })
    expect([edit.status, errorsOf(edit)]).toEqual([422, [member]])
    expect(await gatehouse.database.db.selectFrom('clients').select('clientId').execute()).toEqual(before)
  })

  test('what is granted exists', async () => {
    const refused = await create({ permissions: ['reports:read', 'nothing:read'] })
    expect([refused.status, errorsOf(refused)]).toEqual([422, ['permissions.1']])
  })

  test('an edit, switching off and deleting bind at once', async () => {
    const made = await create({ permissions: ['reports:read'] })
    const credentials = credentialsOf(made)
    const token = await clientToken(gatehouse.url, {}, credentials)
    const edit = (json: unknown) => ask(`/${credentials.clientId}`, { method: 'PATCH', json })
    expect((await edit({ client_name: 'Renamed', contacts: ['x@acme.test'] })).json.client_name).toBe('Renamed')
    expect((await edit({ contacts: null })).json).not.toHaveProperty('contacts')
    expect((await edit({ active: false })).json.active).toBe(false)
    expect((await gatehouse.introspect(token)).text).toBe(inactive)
    await edit({ active: true })
    expect((await gatehouse.introspect(token)).json.active).toBe(true)
    expect((await ask(`/${credentials.clientId}`, { method: 'DELETE' })).status).toBe(204)
    expect((await gatehouse.introspect(token)).text).toBe(inactive)
    expect((await ask(`/${credentials.clientId}`)).status).toBe(404)
  })

  test('when it was last used shows, and its ETag stays', async () => {
    const credentials = credentialsOf(await create())
    const before = await ask(`/${credentials.clientId}`)
    await clientToken(gatehouse.url, {}, credentials)
    await noteClientUses(gatehouse.database.db)
    const after = await ask(`/${credentials.clientId}`)
    expect([before.json.last_used_at, after.json.last_used_at]).toEqual([null, expect.any(String)])
    expect(after.headers.etag).toBe(before.headers.etag)
  })

  test('it may prove itself by a key of its own instead', async () => {
    const jwks = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] }
    const made = await create({ token_endpoint_auth_method: 'private_key_jwt', jwks })
    expect(made.status).toBe(201)
    expect(made.json).toMatchObject({ jwks })
    expect(made.json).not.toHaveProperty('client_secret')
    expect((await ask(`/${made.json.client_id}/secrets`, { json: {} })).status).toBe(409)
    const bySecret = { method: 'PATCH', json: { token_endpoint_auth_method: null, jwks: null } }
    const { json } = await ask(`/${made.json.client_id}`, bySecret)
    expect(await clientToken(gatehouse.url, {}, credentialsOf({ json } as typeof made))).toBeDefined()
  })

  test('the list has those of the organization, and what is none is not among them', async () => {
    const own = [await create(), await create()]
    const others = await create({}, grace, 'globex')
    const ids = async (by = ada, org = 'acme', query = '') => {
      const { items } = (await ask(`?limit=100${query}`, {}, by, org)).json as { items: { client_id: string }[] }
      return items.map(({ client_id }) => client_id)
    }
    const listed = await ids()
    expect(listed.slice(0, 2)).toEqual([own[1]!.json.client_id, own[0]!.json.client_id])
    expect(listed).toContain(serviceAccount.clientId)
    for (const id of [resourceServer.clientId, confidentialClient.clientId, others.json.client_id]) {
      expect(listed).not.toContain(id)
    }
    expect(await ids(grace, 'globex')).toEqual([others.json.client_id])
    expect(await ids(root, 'acme')).toEqual(listed)
  })

  test('another organization’s is not found, nor is a client that is no service account', async () => {
    const { clientId } = credentialsOf(await create())
    const { items } = (await ask(`/${clientId}/secrets`)).json as { items: { id: string }[] }
    const audit = () => gatehouse.database.db.selectFrom('auditLog').select('id').execute()
    const before = await audit()
    for (const [by, org, id] of [
      [grace, 'globex', clientId],
      [grace, 'acme', clientId],
      [ada, 'acme', resourceServer.clientId],
      [ada, 'acme', confidentialClient.clientId],
      [ada, 'acme', 'gatehouse'],
      [root, 'globex', clientId],
    ] as const) {
      for (const [method, rest] of [
        ['GET', ''],
        ['PATCH', ''],
        ['DELETE', ''],
        ['GET', '/secrets'],
        ['POST', '/secrets'],
        ['DELETE', `/secrets/${items[0]!.id}`],
      ] as const) {
        // The object before the body.
        const json = method === 'PATCH' || method === 'POST' ? { no_such_field: true } : undefined
        const { status } = await ask(`/${id}${rest}`, { method, json }, by, org)
        expect([org, id, method, rest, status]).toEqual([org, id, method, rest, 404])
      }
    }
    expect(await audit()).toEqual(before)
  })

  test('a member who is no admin, a plain key and a service account may not', async () => {
    const member = await signInTo(gatehouse, 'globex')
    expect((await create({}, member, 'globex')).status).toBe(403)
    const key = await createKey(gatehouse, ada)
    const administering = await createKey(gatehouse, ada, { administration: true })
    const by = ({ key: token }: typeof key): SignedIn => ({ headers: { 'x-api-key': token }, token })
    expect((await create({}, by(key))).status).toBe(403)
    expect((await ask('', {}, by(key))).status).toBe(200)
    expect((await create({}, by(administering))).status).toBe(201)
    const token = await clientToken(gatehouse.url)
    expect((await create({}, { headers: { authorization: `Bearer ${token}` }, token })).status).toBe(403)
  })
})
