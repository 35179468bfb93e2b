import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { findEnabledConnection, listEnabledConnections } from '#authentication/connections/connection-queries.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { bearer, call, databases, newTokens } from '#support/api-requests.ts'
import { clientToken } from '#support/credential-requests.ts'
import { confidentialClient, type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { signIn } from '#support/relying-party.ts'

const secret = 'upstream-client-secret-of-okta'
const okta = { name: 'acme-okta', type: 'oidc', issuer: 'https://idp.example', client_id: 'gatehouse' }
const ofAcme = '/v1/organizations/acme/connections'

describe.each(databases)('connections over the API on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: string
  let root: string
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database, config: { outboundAllowedHosts: ['idp.internal:8080'] } })
    ada = (await newTokens(gatehouse, { email: 'ada@acme.test', org: 'acme' })).access
    root = (await newTokens(gatehouse, { email: 'root@example.test', org: 'globex' })).access
  })
  afterAll(() => gatehouse.stop())
  afterEach(async () => {
    await gatehouse.database.db.deleteFrom('connections').execute()
  })

  const send = (method: string, path: string, json?: unknown, token = ada) =>
    call(gatehouse, path, { method, json, ...bearer(token) })
  const create = (fields: Record<string, unknown> = {}, path = ofAcme, token = ada) =>
    send('POST', path, { ...okta, client_secret: secret, ...fields }, token)
  const fieldsOf = ({ json }: { json: Record<string, unknown> }) =>
    (json.errors as { path: string }[] | undefined)?.map(({ path }) => path)
  const stored = (name: string) =>
    gatehouse.database.db.selectFrom('connections').selectAll().where('name', '=', name).executeTakeFirstOrThrow()

  test('an admin creates one, with every default told and the secret untold', async () => {
    // S0-02
    const created = await create({ default_teams: ['Readers'], group_claim: 'groups', group_teams: { sre: 'writers' } })
    expect(created.status).toBe(201)
    expect(created.json).toEqual({
      id: expect.stringMatching(/^con_/),
      name: 'acme-okta',
      type: 'oidc',
      display_name: null,
      label: 'acme-okta',
      issuer: 'https://idp.example',
      client_id: 'gatehouse',
      has_client_secret: true,
      jit: true,
      default_teams: ['readers'],
      group_claim: 'groups',
      group_teams: { sre: 'writers' },
      required: false,
      sign_out: false,
      enabled: true,
      callback_url: `${gatehouse.url}/connections/acme-okta/callback`,
      created_at: expect.stringMatching(/^\d{4}-/),
    })
    expect((await send('GET', `${ofAcme}/acme-okta`)).json).toEqual(created.json)
    expect((await send('GET', ofAcme)).json).toEqual({ items: [created.json], next_cursor: null })
  })

  test('an organization has at most twenty, however many are made at once', async () => {
    const made = await Promise.all(Array.from({ length: 26 }, (_, n) => create({ name: `acme-${n}` })))
    expect(made.filter(({ status }) => status === 201)).toHaveLength(20)
    const refused = made.filter(({ status }) => status !== 201)
    expect(refused.map(({ status }) => status)).toEqual(Array(6).fill(409))
    expect(refused[0]?.text).toContain('at most 20 connections')
    expect((await send('DELETE', `${ofAcme}/${made.find(({ status }) => status === 201)?.json.name}`)).status).toBe(204)
    expect((await create({ name: 'acme-again' })).status).toBe(201)
    expect((await create({ name: 'acme-too-many' })).status).toBe(409)
  })

  test('the secret is stored encrypted, and is in no answer, log or audit event', async () => {
    const opened = async () =>
      encryptionWith(gatehouse.config.encryptionKeys).decrypt((await stored('acme-okta')).clientSecret!)
    const created = await create()
    expect(await opened()).toBe(secret)
    const answers = [
      created,
      await send('PATCH', `${ofAcme}/acme-okta`, { client_secret: `${secret} two` }),
      await send('GET', ofAcme),
      await send('PATCH', `${ofAcme}/acme-okta`, { client_secret: secret, surprise: secret }),
      await create(),
    ]
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 200, 422, 409])
    expect(await opened()).toBe(`${secret} two`)
    const audit = await gatehouse.database.db.selectFrom('auditLog').selectAll().execute()
    const everything = JSON.stringify([answers.map(({ text }) => text), audit, gatehouse.logLines])
    expect(everything).not.toContain(secret)
  })

  test('each change is in the audit log, with who, before and after', async () => {
    await create()
    await send('PATCH', `${ofAcme}/acme-okta`, { display_name: 'Okta', client_secret: 'another', sign_out: true }, root)
    await send('PATCH', `${ofAcme}/acme-okta`, { sign_out: true })
    await send('DELETE', `${ofAcme}/acme-okta`, undefined, root)
    const { db } = gatehouse.database
    const users = await db.selectFrom('users').select(['id', 'email']).execute()
    const events = await db
      .selectFrom('auditLog')
      .selectAll()
      .where('subjectKind', '=', 'connection')
      .where('subjectName', '=', 'acme-okta')
      .orderBy('id', 'desc')
      .limit(3)
      .execute()
    const told = events.reverse().map((event) => ({
      who: users.find(({ id }) => id === event.actorId)?.email,
      action: event.action,
      before: event.before,
      after: event.after,
    }))
    expect(told).toEqual([
      {
        who: 'ada@acme.test',
        action: 'connection.created',
        before: null,
        after: expect.objectContaining({ type: 'oidc', issuer: 'https://idp.example', client_secret: 'set' }),
      },
      {
        who: 'root@example.test',
        action: 'connection.updated',
        before: { display_name: null, sign_out: false, client_secret: 'set' },
        after: { display_name: 'Okta', sign_out: true, client_secret: 'replaced' },
      },
      {
        who: 'root@example.test',
        action: 'connection.deleted',
        before: expect.objectContaining({ display_name: 'Okta', sign_out: true }),
        after: null,
      },
    ])
  })

  test('a change touches what it names; null removes', async () => {
    await create({ display_name: 'Okta', group_claim: 'groups', group_teams: { sre: 'writers' }, sign_out: true })
    const changed = await send('PATCH', `${ofAcme}/acme-okta`, { display_name: null, jit: false, enabled: false })
    expect(changed.json).toMatchObject({
      display_name: null,
      jit: false,
      enabled: false,
      sign_out: true,
      group_teams: { sre: 'writers' },
      has_client_secret: true,
    })
    expect((await send('PATCH', `${ofAcme}/acme-okta`, { client_secret: null })).json.has_client_secret).toBe(false)
  })

  test('a secret stays with whom it was made for: another issuer or type needs it again', async () => {
    await create()
    const path = `${ofAcme}/acme-okta`
    for (const change of [{ issuer: 'https://collector.example' }, { type: 'github', issuer: null }]) {
      const refused = await send('PATCH', path, change)
      expect([refused.status, fieldsOf(refused)]).toEqual([422, ['client_secret']])
    }
    expect((await stored('acme-okta')).issuer).toBe('https://idp.example')
    expect((await send('PATCH', path, { issuer: 'https://idp.example', jit: false })).status).toBe(200)
    const moved = await send('PATCH', path, { issuer: 'https://other.example', client_secret: 'of the other' })
    expect(moved.json.issuer).toBe('https://other.example')
    // The issuer was the old type's.
    const changed = await send('PATCH', path, { type: 'google', client_secret: 'of Google' })
    expect(changed.json).toMatchObject({ type: 'google', issuer: 'https://accounts.google.com' })
  })

  test.each([
    ['an unknown field', { admin: true }, ['admin']],
    ['a name that is no part of a URL', { name: 'Acme Okta' }, ['name']],
    ['no issuer', { issuer: null }, ['issuer']],
    ['an issuer without https', { issuer: 'http://idp.example' }, ['issuer']],
    ['an issuer with a query', { issuer: 'https://idp.example/?x=1' }, ['issuer']],
    ['an issuer that is a script', { issuer: 'javascript:alert(1)' }, ['issuer']],
    ['Google at another address', { type: 'google' }, ['issuer']],
    ['GitHub without secret', { type: 'github', issuer: null, client_secret: null }, ['client_secret']],
    ['groups of GitHub', { type: 'github', issuer: null, group_claim: 'orgs' }, ['group_claim']],
    ['groups of no claim', { group_teams: { sre: 'writers' } }, ['group_claim']],
    ["another organization's team", { default_teams: ['readers', 'auditors'] }, ['default_teams.1']],
    ['a team that is none', { group_claim: 'g', group_teams: { sre: 'nobody' } }, ['group_teams.sre']],
    ['half a character', { client_id: '\ud800' }, ['client_id']],
    ['no character', { display_name: 'a\0b' }, ['display_name']],
  ])('%s is refused by name', async (_what, fields, expected) => {
    const refused = await create(fields)
    expect([refused.status, fieldsOf(refused)]).toEqual([422, expected])
    expect((await send('GET', ofAcme)).json.items).toEqual([])
  })

  test('an issuer may do without https where the operator allows its host', async () => {
    expect((await create({ issuer: 'http://idp.internal:8080' })).status).toBe(201)
    const elsewhere = await create({ name: 'other', issuer: 'http://idp.internal:8081' })
    expect([elsewhere.status, fieldsOf(elsewhere)]).toEqual([422, ['issuer']])
  })

  test('whoever may have an account anywhere is let in only if somebody says so', async () => {
    const google = { type: 'google', issuer: undefined }
    const created = await create({ ...google, name: 'acme-google' })
    expect(created.json).toMatchObject({ jit: false, issuer: 'https://accounts.google.com', label: 'Google' })
    expect((await create({ ...google, name: 'acme-google-2', jit: true })).json.jit).toBe(true)
    expect((await create({ name: 'everybody' }, '/v1/connections', root)).json.jit).toBe(true)
  })

  test('a name is taken once by each owner, also when two ask at once', async () => {
    const answers = await Promise.all([create(), create(), create()])
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409])
    expect(answers.find(({ status }) => status === 409)?.json.code).toBe('conflict')
  })

  test('owners may have one name: who had it first comes back by name, the others by id, also when that one goes', async () => {
    const elsewhere = '/v1/organizations/globex/connections'
    const answers = await Promise.all([create(), create({}, elsewhere, root), create({}, '/v1/connections', root)])
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
    const callbacks = answers.map(({ json }) => String(json.callback_url))
    const byId = answers.map(({ json }) => `${gatehouse.url}/connections/${json.id}/callback`)
    const [first] = callbacks.filter((callback) => !byId.includes(callback))
    expect(first).toBe(`${gatehouse.url}/connections/${answers[0]!.json.name}/callback`)
    expect(callbacks.filter((callback) => byId.includes(callback))).toHaveLength(2)

    const paths = [ofAcme, elsewhere, '/v1/connections']
    const firstPath = paths[callbacks.indexOf(first!)]!
    const name = answers[0]!.json.name
    expect((await send('DELETE', `${firstPath}/${name}`, undefined, root)).status).toBe(204)
    for (const [index, path] of paths.entries()) {
      if (path === firstPath) continue
      expect((await send('GET', `${path}/${name}`, undefined, root)).json.callback_url).toBe(callbacks[index])
    }
  })

  test('lists go on page by page, newest first', async () => {
    // In one transaction, so all of one moment.
    const entries = Array.from(
      { length: 5 },
      (_, n) => `{ name: c${n}, type: github, client_id: a, client_secret: ${secret} }`,
    )
    await gatehouse.apply(`organizations: [{ slug: acme, connections: [${entries.join(', ')}] }]`)
    await create({ name: 'newest' })
    const seen: string[] = []
    let path = `${ofAcme}?limit=2`
    for (let page = 0; page < 3; page++) {
      const { json } = await send('GET', path)
      seen.push(...(json.items as { name: string }[]).map(({ name }) => name))
      path = `${ofAcme}?limit=2&cursor=${json.next_cursor}`
      expect(json.next_cursor === null).toBe(page === 2)
    }
    expect(seen[0]).toBe('newest')
    expect(seen.slice(1).sort()).toEqual(['c0', 'c1', 'c2', 'c3', 'c4'])
    expect((await send('GET', `${ofAcme}?limit=101`)).status).toBe(422)
  })

  describe('who may', () => {
    const ways: [string, string, unknown?][] = [
      ['GET', ''],
      ['POST', '', { ...okta, name: 'another' }],
      ['GET', '/acme-okta'],
      ['PATCH', '/acme-okta', { jit: false }],
      ['POST', '/acme-okta/try'],
      ['DELETE', '/acme-okta'],
    ]
    const statuses = async (token: string, path = ofAcme) => {
      const found: number[] = []
      for (const [method, rest, json] of ways) found.push((await send(method, `${path}${rest}`, json, token)).status)
      return found
    }
    const all = (status: number) => ways.map(() => status)

    test('a superadmin, wherever they act', async () => {
      await create({ issuer: 'http://idp.internal:8080' })
      expect(await statuses(root)).toEqual([200, 201, 200, 200, 200, 204])
    })

    test('nobody of another organization, to whom there is no such thing', async () => {
      await create()
      const grace = await newTokens(gatehouse, { email: 'grace@globex.test', org: 'globex' })
      expect(await statuses(grace.access)).toEqual(all(404))
      // Not by an own address either: what is found is found in the own organization.
      const own = await statuses(grace.access, '/v1/organizations/globex/connections')
      expect(own).toEqual([200, 201, 404, 404, 404, 404])
      // An admin of Acme whose token acts in Globex.
      const elsewhere = await newTokens(gatehouse, { email: 'ada@acme.test', org: 'globex' })
      expect(await statuses(elsewhere.access)).toEqual(all(404))
      expect((await send('GET', `${ofAcme}/acme-okta`)).status).toBe(200)
    })

    test('no member who is no admin, from the moment they are none', async () => {
      await create()
      await gatehouse.apply(`
users: [{ email: plain@acme.test, password: correct horse battery staple }]
organizations: [{ slug: acme, members: [{ email: ada@acme.test, admin: true, teams: [readers, writers] }, { email: plain@acme.test, admin: true }] }]`)
      const plain = (await newTokens(gatehouse, { email: 'plain@acme.test' })).access
      expect((await send('GET', ofAcme, undefined, plain)).status).toBe(200)
      const { db } = gatehouse.database
      const { id } = await db
        .selectFrom('users')
        .select('id')
        .where('email', '=', 'plain@acme.test')
        .executeTakeFirstOrThrow()
      await db.updateTable('memberships').set({ admin: false }).where('userId', '=', id).execute()
      expect(await statuses(plain)).toEqual(all(403))
    })

    test('no token of a client that is not first-party, and no service account', async () => {
      // Else the way to Ada's sign-in would lead through it.
      await create({ enabled: false })
      const { tokens } = await signIn(gatehouse.url, { ...confidentialClient, email: 'ada@acme.test', pick: 'acme' })
      expect(await statuses(tokens.access_token)).toEqual(all(403))
      expect(await statuses(await clientToken(gatehouse.url))).toEqual(all(403))
    })

    test('nobody without a credential', async () => {
      expect((await call(gatehouse, ofAcme)).status).toBe(401)
      expect((await call(gatehouse, '/v1/connections')).status).toBe(401)
    })

    test("superadmins alone the deployment's, which are no organization's", async () => {
      expect(await statuses(ada, '/v1/connections')).toEqual(all(403))
      const created = await create({ name: 'github', type: 'github', issuer: null }, '/v1/connections', root)
      expect(created.json).toMatchObject({ label: 'GitHub', issuer: null, default_teams: [], required: false })
      expect((await send('GET', `${ofAcme}/github`)).status).toBe(404)
      expect((await send('GET', '/v1/connections', undefined, root)).json.items).toHaveLength(1)
      const { tokens } = await signIn(gatehouse.url, {
        ...confidentialClient,
        email: 'root@example.test',
        parameters: { organization: 'acme' },
      })
      expect(await statuses(tokens.access_token, '/v1/connections')).toEqual(all(403))
      for (const fields of [{ required: true }, { default_teams: ['readers'] }, { group_claim: 'groups' }]) {
        const refused = await create({ name: 'other', ...fields }, '/v1/connections', root)
        expect([refused.status, fieldsOf(refused)]).toEqual([422, Object.keys(fields)])
      }
    })
  })

  test('only what is enabled, of an organization that is not suspended, is there to sign in through', async () => {
    const { db } = gatehouse.database
    const { id: organizationId } = await db
      .insertInto('organizations')
      .values({
        id: 'org_brief',
        slug: 'brief',
        name: 'Brief',
        logoUrl: null,
        accentColor: null,
        defaultLocale: null,
        suspendedAt: null,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    const path = '/v1/organizations/brief/connections'
    await create({ name: 'on' }, path, root)
    await create({ name: 'off', enabled: false }, path, root)
    await create({ name: 'for-all' }, '/v1/connections', root)
    const offered = async (of: string | null) =>
      (await listEnabledConnections(db, { organizationId: of })).map(({ name }) => name)
    const found = (name: string) => findEnabledConnection(db, name)
    expect(await offered(organizationId)).toEqual(['on'])
    expect(await offered(null)).toEqual(['for-all'])
    expect([(await found('on'))?.organizationId, await found('off')]).toEqual([organizationId, undefined])

    await db.updateTable('organizations').set({ suspendedAt: new Date() }).where('id', '=', organizationId).execute()
    expect(await offered(organizationId)).toEqual([])
    expect(await found('on')).toBeUndefined()
    expect(await found('for-all')).toBeDefined()
    // Who may wake it up looks after it meanwhile.
    expect((await send('GET', path, undefined, root)).status).toBe(200)
  })

  test('switching required on ends password sign-ins of its organization at once, and nothing else', async () => {
    await create({ enabled: false, required: true })
    const inAcme = await newTokens(gatehouse, { email: 'ada@acme.test', org: 'acme' })
    const inGlobex = await newTokens(gatehouse, { email: 'ada@acme.test', org: 'globex' })
    const superadmin = await newTokens(gatehouse, { email: 'root@example.test', org: 'acme' })
    const active = async ({ access }: { access: string }) => (await gatehouse.introspect(access)).json.active

    // Required, but switched off: it refuses nobody.
    expect((await send('PATCH', `${ofAcme}/acme-okta`, { display_name: 'Okta' })).status).toBe(200)
    expect(await active(inAcme)).toBe(true)

    expect((await send('PATCH', `${ofAcme}/acme-okta`, { enabled: true })).status).toBe(200)
    expect(await active(inAcme)).toBe(false)
    expect((await call(gatehouse, '/v1/me', bearer(inAcme.access))).status).toBe(401)
    const renewed = await call(gatehouse, '/v1/auth/refresh', { json: { token: inAcme.refresh } })
    expect(renewed.status).toBe(401)
    expect(await active(inGlobex)).toBe(true)
    expect(await active(superadmin)).toBe(true)
    expect(await active({ access: await clientToken(gatehouse.url) })).toBe(true)

    await send('DELETE', `${ofAcme}/acme-okta`, undefined, root)
    ada = (await newTokens(gatehouse, { email: 'ada@acme.test', org: 'acme' })).access
  })

  test('a connection that is required from the start ends them as well', async () => {
    const { access } = await newTokens(gatehouse)
    const fields = { name: 'globex-okta', required: true }
    expect((await create(fields, '/v1/organizations/globex/connections', root)).status).toBe(201)
    expect((await gatehouse.introspect(access)).json).toEqual({ active: false })
  })

  test('a team that is deleted is no longer named', async () => {
    await gatehouse.apply('organizations: [{ slug: umbrella, teams: [{ name: first }, { name: second }] }]')
    const path = '/v1/organizations/umbrella/connections'
    await create({ default_teams: ['first', 'second'], group_claim: 'g', group_teams: { a: 'first' } }, path, root)
    await gatehouse.apply('organizations: [{ slug: umbrella, teams: [{ name: second }] }]')
    expect((await send('GET', `${path}/acme-okta`, undefined, root)).json).toMatchObject({
      default_teams: ['second'],
      group_teams: {},
    })
    expect((await send('PATCH', `${path}/acme-okta`, { jit: false }, root)).status).toBe(200)
  })
})
