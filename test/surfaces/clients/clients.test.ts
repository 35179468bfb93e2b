import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Call, call, databases } from '#support/api-requests.ts'
import { clientToken, inactive } from '#support/credential-requests.ts'
import { basic, type Gatehouse, redirectUri, setup, startGatehouse } from '#support/gatehouse.ts'
import { createKey, type SignedIn, signInTo } from '#support/keys.ts'
import { beginSignIn, signIn } from '#support/relying-party.ts'

let names = 0
const newId = () => `client-${++names}`
const path = '/v1/clients'

describe.each(databases)('clients through the API on %s', (database) => {
  let gatehouse: Gatehouse
  let root: SignedIn
  let ada: SignedIn
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database, setup })
    root = await signInTo(gatehouse, 'acme', 'root@example.test')
    ada = await signInTo(gatehouse, 'acme')
  })
  afterAll(() => gatehouse.stop())

  const ask = (rest = '', more: Call = {}, by = root) =>
    call(gatehouse, `${path}${rest}`, { ...more, headers: { ...by.headers, ...more.headers } })
  const create = (json: Record<string, unknown>) => ask('', { json })
  const edit = (id: string, json: unknown, headers: Record<string, string> = {}) =>
    ask(`/${id}`, { method: 'PATCH', json, headers })
  const fieldsOf = ({ json }: Awaited<ReturnType<typeof ask>>) =>
    (json.errors as { path: string }[] | undefined)?.map((field) => field.path)
  const entries = (name: string) =>
    gatehouse.database.db
      .selectFrom('auditLog')
      .select(['action', 'actorName', 'before', 'after'])
      .where('subjectKind', '=', 'client')
      .where('subjectName', '=', name)
      .orderBy('id')
      .execute()

  test('an application is made with a secret that is shown once, and read without it', async () => {
    const client_id = newId()
    const made = await create({ client_id, client_name: 'Shop', redirect_uris: [redirectUri], contacts: ['a@b.test'] })
    expect(made.status).toBe(201)
    expect(made.json).toMatchObject({
      client_id,
      client_name: 'Shop',
      organization: null,
      first_party: false,
      resource_server: false,
      resource: null,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      contacts: ['a@b.test'],
      active: true,
      last_used_at: null,
    })
    expect(made.json.client_secret).toMatch(/^[\w-]{43}$/)
    const { client_secret, ...rest } = made.json
    expect((await ask(`/${client_id}`)).json).toEqual(rest)
    expect(await entries(client_id)).toEqual([
      expect.objectContaining({ action: 'client.created', actorName: 'root@example.test' }),
    ])
    const { items } = (await ask(`/${client_id}/secrets`)).json as { items: Record<string, unknown>[] }
    expect(items).toEqual([
      expect.objectContaining({ hint: String(client_secret).slice(-4), expires_at: null, id: expect.any(String) }),
    ])
  })

  test('people sign in to it with that secret', async () => {
    const client_id = newId()
    const { json } = await create({ client_id, first_party: true, redirect_uris: [redirectUri] })
    const { tokens } = await signIn(gatehouse.url, {
      email: 'grace@globex.test',
      clientId: client_id,
      clientSecret: String(json.client_secret),
    })
    expect(tokens.id_token).toBeDefined()
  })

  test('its id is made up where none is given, and it has no secret where it proves itself otherwise', async () => {
    const { status, json } = await create({ token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] })
    expect(status).toBe(201)
    expect(json.client_id).toMatch(/^cli_/)
    expect(json).not.toHaveProperty('client_secret')
    expect((await ask(`/${json.client_id}/secrets`)).json.items).toEqual([])
    expect((await ask(`/${json.client_id}/secrets`, { json: {} })).status).toBe(409)
  })

  test.each<[string, Record<string, unknown>, string[]]>([
    ['an unknown member', { redirect_uris: [redirectUri], client_secret: 'of-my-own-0123456789' }, ['client_secret']],
    ['no redirect', {}, ['redirect_uris']],
    ['a wildcard', { redirect_uris: ['https://*.example/callback'] }, ['redirect_uris.0']],
    ['plain http', { redirect_uris: [redirectUri, 'http://app.example/'] }, ['redirect_uris.1']],
    ['a service account without organization', { grant_types: ['client_credentials'] }, ['organization']],
    ['grants that nobody uses', { redirect_uris: [redirectUri], permissions: ['*'] }, ['permissions']],
    ['an unknown organization', { redirect_uris: [redirectUri], organization: 'nowhere' }, ['organization']],
    ['a resource without server', { redirect_uris: [redirectUri], resource: 'https://r.example' }, ['resource_server']],
    [
      'a key without method',
      { token_endpoint_auth_method: 'private_key_jwt' },
      ['redirect_uris', 'token_endpoint_auth_method'],
    ],
    ['an id like a person’s', { client_id: 'usr_ada', redirect_uris: [redirectUri] }, ['client_id']],
    [
      'a permission that nobody knows',
      { grant_types: ['client_credentials'], organization: 'acme', permissions: ['nothing:read'] },
      ['permissions.0'],
    ],
  ])('with %s it is refused, naming the member', async (_name, json, fields) => {
    const answer = await create(json)
    expect([answer.status, answer.json.code, fieldsOf(answer)]).toEqual([422, 'validation_failed', fields])
  })

  test('an id or a resource that another has is a conflict', async () => {
    const json = { redirect_uris: [redirectUri] }
    expect(fieldsOf(await create({ ...json, client_id: 'console' }))).toEqual(['client_id'])
    expect((await create({ ...json, client_id: 'gatehouse' })).status).toBe(409)
    const server = await create({ resource_server: true, resource: 'https://inventory.example' })
    expect([server.status, fieldsOf(server)]).toEqual([409, ['resource']])
  })

  test('Gatehouse’s own client is none that anybody manages', async () => {
    expect((await ask('/gatehouse')).status).toBe(404)
    expect((await edit('gatehouse', { active: false })).status).toBe(404)
    expect((await ask('/gatehouse', { method: 'DELETE' })).status).toBe(404)
    const { items } = (await ask('?organization=*&limit=100')).json as { items: { client_id: string }[] }
    expect(items.map(({ client_id }) => client_id)).not.toContain('gatehouse')
  })

  test('an edit changes what it names, null takes it away, and nothing else', async () => {
    const client_id = newId()
    await create({
      client_id,
      redirect_uris: [redirectUri],
      logo_uri: 'https://shop.example/logo.svg',
      scope: 'openid',
    })
    const edited = await edit(client_id, { client_name: 'Shop', logo_uri: null })
    expect(edited.status).toBe(200)
    expect(edited.json).toMatchObject({ client_name: 'Shop', scope: 'openid', redirect_uris: [redirectUri] })
    expect(edited.json).not.toHaveProperty('logo_uri')
    expect((await entries(client_id)).at(-1)).toEqual({
      action: 'client.updated',
      actorName: 'root@example.test',
      before: { client_name: client_id, logo_uri: 'https://shop.example/logo.svg' },
      after: { client_name: 'Shop', logo_uri: null },
    })
    // The rules between members hold for what comes out.
    expect(fieldsOf(await edit(client_id, { redirect_uris: null }))).toEqual(['redirect_uris'])
    expect(fieldsOf(await edit(client_id, { resource: 'https://shop.example' }))).toEqual(['resource_server'])
    for (const member of ['client_id', 'organization', 'permissions', 'data_scopes', 'client_secret']) {
      expect([member, (await edit(client_id, { [member]: 'x' })).status]).toEqual([member, 422])
    }
    const before = await ask(`/${client_id}`)
    const same = await edit(client_id, { client_name: 'Shop' })
    expect(same.headers.etag).toBe(before.headers.etag)
    expect((await entries(client_id)).length).toBe(2)
  })

  test('a new redirect URI binds the next request, and so does one that is gone', async () => {
    const client_id = newId()
    const other = 'http://localhost:8080/other'
    await create({ client_id, token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] })
    const begin = async () => (await beginSignIn(gatehouse.url, { clientId: client_id })).browser.page
    expect((await begin()).status).toBe(200)
    await edit(client_id, { redirect_uris: [other] })
    expect((await begin()).status).toBe(400)
    await edit(client_id, { redirect_uris: [other, redirectUri] })
    expect((await begin()).status).toBe(200)
  })

  test('one that proves itself by a secret from now on is given it, and one that does no longer loses it', async () => {
    const client_id = newId()
    const { json } = await create({ client_id, resource_server: true })
    const jwks = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] }
    const asks = (clientSecret: unknown) =>
      gatehouse.introspect('x', {}, { clientId: client_id, clientSecret: String(clientSecret) })
    expect((await asks(json.client_secret)).status).toBe(200)
    const byKey = await edit(client_id, { token_endpoint_auth_method: 'private_key_jwt', jwks })
    expect([byKey.status, byKey.json.client_secret]).toEqual([200, undefined])
    expect((await asks(json.client_secret)).status).toBe(401)
    const bySecret = await edit(client_id, { token_endpoint_auth_method: null, jwks: null })
    expect((await asks(json.client_secret)).status).toBe(401)
    expect((await asks(bySecret.json.client_secret)).status).toBe(200)
  })

  test('switched off, it gets no tokens, asks nothing, and those that it has are dead, until it is on again', async () => {
    const [account, server] = await Promise.all([
      create({ grant_types: ['client_credentials'], organization: 'acme', permissions: ['reports:read'] }),
      create({ resource_server: true }),
    ])
    const as = ({ json }: typeof account) => ({
      clientId: String(json.client_id),
      clientSecret: String(json.client_secret),
    })
    const token = await clientToken(gatehouse.url, {}, as(account))
    const introspect = () => gatehouse.introspect(token, {}, as(server))
    const live = (await introspect()).json
    expect(live).toMatchObject({ active: true, sub: account.json.client_id, permissions: ['reports:read'] })

    await edit(as(account).clientId, { active: false })
    expect((await introspect()).text).toBe(inactive)
    await expect(clientToken(gatehouse.url, {}, as(account))).rejects.toThrow('invalid_client')
    await edit(as(account).clientId, { active: true })
    expect((await introspect()).json).toEqual(live)

    await edit(as(server).clientId, { active: false })
    expect((await introspect()).status).toBe(401)
    await edit(as(server).clientId, { active: true })
    expect((await introspect()).json).toEqual(live)
  })

  test('deleted, it takes with it all that was issued to it, and another of its id finds nothing', async () => {
    const client_id = newId()
    const json = {
      client_id,
      first_party: true,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
    }
    const first = await create(json)
    const clientSecret = String(first.json.client_secret)
    const { tokens } = await signIn(gatehouse.url, { email: 'grace@globex.test', clientId: client_id, clientSecret })
    expect((await gatehouse.introspect(tokens.access_token)).json.active).toBe(true)

    expect((await ask(`/${client_id}`, { method: 'DELETE' })).status).toBe(204)
    expect((await ask(`/${client_id}`)).status).toBe(404)
    expect((await gatehouse.introspect(tokens.access_token)).text).toBe(inactive)

    const second = await create(json)
    expect(second.status).toBe(201)
    expect((await gatehouse.introspect(tokens.access_token)).text).toBe(inactive)
    const refresh = (secret: string) =>
      fetch(`${gatehouse.url}/oauth/token`, {
        method: 'POST',
        headers: { authorization: basic({ clientId: client_id, clientSecret: secret }) },
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token! }),
      }).then((response) => response.json())
    expect(await refresh(clientSecret)).toMatchObject({ error: 'invalid_client' })
    expect(await refresh(String(second.json.client_secret))).toMatchObject({ error: 'invalid_grant' })
    const { db } = gatehouse.database
    const rows = [
      await db.selectFrom('credentials').select('id').where('clientId', '=', client_id).execute(),
      await db.selectFrom('oauthGrants').select('id').where('clientId', '=', client_id).execute(),
    ]
    expect(rows).toEqual([[], []])
    expect((await ask(`/${client_id}/secrets`)).json.items).toHaveLength(1)
    expect((await entries(client_id)).map(({ action }) => action)).toEqual([
      'client.created',
      'client.deleted',
      'client.created',
    ])
  })

  test('lists are the deployment’s, one organization’s or all, in pages, newest first', async () => {
    const ids = [newId(), newId(), newId()]
    for (const client_id of ids) {
      await create({ client_id, redirect_uris: [redirectUri], organization: 'globex' })
    }
    const server = newId()
    await create({ client_id: server, resource_server: true, organization: 'globex' })
    const list = async (query: string) => {
      const answer = await ask(`?${query}`)
      expect([query, answer.status]).toEqual([query, 200])
      return answer.json as {
        items: { client_id: string; organization: { slug: string } | null }[]
        next_cursor: string
      }
    }
    const idsOf = ({ items }: { items: { client_id: string }[] }) => items.map(({ client_id }) => client_id)
    const page = await list('organization=globex&limit=2')
    expect(idsOf(page)).toEqual([server, ids[2]])
    const next = await list(`organization=globex&limit=2&cursor=${encodeURIComponent(page.next_cursor)}`)
    expect(idsOf(next)).toEqual([ids[1], ids[0]])
    expect(next.next_cursor).toBeNull()
    expect(next.items.map(({ organization }) => organization?.slug)).toEqual(['globex', 'globex'])
    expect(idsOf(await list('organization=globex&resource_server=true'))).toEqual([server])
    expect((await list('limit=100')).items.every(({ organization }) => organization === null)).toBe(true)
    expect(idsOf(await list('limit=100'))).toContain('console')
    const all = idsOf(await list('organization=*&limit=100'))
    expect([all.includes('console'), all.includes(server), all.includes('nightly-export')]).toEqual([true, true, true])
    await edit(ids[0]!, { active: false })
    expect(idsOf(await list('organization=globex&active=false'))).toEqual([ids[0]])
    expect((await ask('?organization=nowhere')).status).toBe(404)
    expect((await ask('?active=perhaps')).status).toBe(422)
  })

  test('a resource server of an organization learns nothing of another’s credentials', async () => {
    const { json } = await create({ resource_server: true, organization: 'acme' })
    const caller = { clientId: String(json.client_id), clientSecret: String(json.client_secret) }
    const grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    expect((await gatehouse.introspect(ada.token, {}, caller)).json.active).toBe(true)
    expect((await gatehouse.introspect(grace.token, {}, caller)).text).toBe(inactive)
  })

  test('nobody but superadmins, and of their keys only one for administration, and only to read without', async () => {
    const client_id = newId()
    await create({ client_id, redirect_uris: [redirectUri] })
    for (const [method, rest, json] of [
      ['GET', '', undefined],
      ['POST', '', { redirect_uris: [redirectUri] }],
      ['PATCH', `/${client_id}`, { active: false }],
      ['DELETE', `/${client_id}`, undefined],
      ['POST', `/${client_id}/secrets`, {}],
    ] as const) {
      expect([method, (await ask(rest, { method, json }, ada)).status]).toEqual([method, 403])
    }
    const plain = await createKey(gatehouse, root)
    const administering = await createKey(gatehouse, root, { administration: true })
    const by = ({ key }: typeof plain): SignedIn => ({ headers: { 'x-api-key': key }, token: key })
    expect((await ask(`/${client_id}`, {}, by(plain))).status).toBe(200)
    const rename = { method: 'PATCH', json: { client_name: 'Renamed' } }
    expect((await ask(`/${client_id}`, rename, by(plain))).status).toBe(403)
    expect((await ask(`/${client_id}`, rename, by(administering))).status).toBe(200)
  })

  test('of ten edits at once with one ETag exactly one succeeds', async () => {
    const client_id = newId()
    await create({ client_id, redirect_uris: [redirectUri] })
    const etag = String((await ask(`/${client_id}`)).headers.etag)
    const edits = Array.from({ length: 10 }, (_, n) =>
      edit(client_id, { client_name: `Name ${n}` }, { 'if-match': etag }),
    )
    const statuses = (await Promise.all(edits)).map(({ status }) => status)
    expect(statuses.sort()).toEqual([200, ...Array(9).fill(412)])
    expect((await edit(client_id, { client_name: 'Late' }, { 'if-match': etag })).status).toBe(412)
  })

  test('one Idempotency-Key makes one client, with one secret', async () => {
    const headers = { 'idempotency-key': `key-${newId()}` }
    const json = { redirect_uris: [redirectUri], client_name: 'Once' }
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask('', { json, headers })))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    const { db } = gatehouse.database
    const made = await db.selectFrom('clients').select('clientId').where('clientName', '=', 'Once').execute()
    expect(made).toHaveLength(1)
  })
})
