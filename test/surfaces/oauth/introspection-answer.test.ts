import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientToken, inactive, rowOf } from '#support/credential-requests.ts'
import { availableDatabases } from '#support/databases.ts'
import {
  confidentialClient,
  type Gatehouse,
  jwtResourceServer,
  resourceServer,
  startGatehouse,
} from '#support/gatehouse.ts'
import { signIn } from '#support/relying-party.ts'

const adasScopes = [
  { source: 'kubernetes', scope_id: 'prod-cluster' },
  { source: 'proxmox', scope_id: null },
]
const adasPermissions = ['configuration-items:read', 'configuration-items:write']

describe.each(availableDatabases())('the answer of introspection on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: string
  let root: string
  let acme: string
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    const idOf = async (email: string) =>
      (
        await gatehouse.database.db
          .selectFrom('users')
          .select('id')
          .where('email', '=', email)
          .executeTakeFirstOrThrow()
      ).id
    ada = await idOf('ada@acme.test')
    root = await idOf('root@example.test')
    const organization = await gatehouse.database.db
      .selectFrom('organizations')
      .select('id')
      .where('slug', '=', 'acme')
      .executeTakeFirstOrThrow()
    acme = organization.id
  })
  afterAll(() => gatehouse.stop())

  /** Times and the id are whatever the row says; everything else is spelled out by the test. */
  async function expected(token: string, members: Record<string, unknown>) {
    const row = await rowOf(gatehouse, token)
    expect(row.id).toMatch(/^tok_/)
    return {
      active: true,
      iss: gatehouse.url,
      token_type: 'Bearer',
      iat: Math.round((row.issuedAt as Date).getTime() / 1000),
      exp: Math.round(row.expiresAt.getTime() / 1000),
      jti: row.id,
      org_id: acme,
      org_slug: 'acme',
      ...members,
    }
  }

  test('an opaque access token and its refresh token: who, where and what, and no aud', async () => {
    const { tokens } = await signIn(gatehouse.url, { pick: 'acme' })
    const common = {
      sub: ada,
      username: 'ada@acme.test',
      client_id: 'console',
      scope: 'openid profile email',
      superadmin: false,
      permissions: adasPermissions,
      data_scopes: adasScopes,
    }
    const access = await gatehouse.introspect(tokens.access_token)
    expect(withoutFractions(access.json)).toEqual(
      withoutFractions(await expected(tokens.access_token, { ...common, token_kind: 'access_token' })),
    )
    expect(Number(access.json.exp) - Number(access.json.iat)).toBeCloseTo(900, -1)
    const own = await signIn(gatehouse.url, { ...confidentialClient, pick: 'acme' })
    const refresh = await gatehouse.introspect(own.tokens.refresh_token!, {}, confidentialClient)
    const members = { ...common, client_id: confidentialClient.clientId, permissions: [], token_kind: 'refresh_token' }
    expect(withoutFractions(refresh.json)).toEqual(withoutFractions(await expected(own.tokens.refresh_token!, members)))
    expect(access.status).toBe(200)
    expect(access.headers.get('cache-control')).toBe('no-store')
    expect(access.headers.get('content-type')).toMatch(/^application\/json/)
    expect(access.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('a JWT access token: jti, iat, exp and aud are those inside it', async () => {
    const { tokens } = await signIn(gatehouse.url, {
      pick: 'acme',
      parameters: { resource: 'https://reports.example', scope: 'openid configuration-items:read' },
    })
    const claims = decodeJwt(tokens.access_token)
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ typ: 'at+jwt', alg: 'ES256' })
    const { json } = await gatehouse.introspect(tokens.access_token, {}, jwtResourceServer)
    expect(json).toEqual({
      active: true,
      iss: gatehouse.url,
      sub: ada,
      username: 'ada@acme.test',
      client_id: 'console',
      token_type: 'Bearer',
      token_kind: 'access_token',
      scope: 'configuration-items:read',
      iat: expect.any(Number),
      exp: expect.any(Number),
      jti: claims.jti,
      aud: 'https://reports.example',
      org_id: acme,
      org_slug: 'acme',
      superadmin: false,
      permissions: adasPermissions,
      data_scopes: adasScopes,
    })
    expect(Math.abs(Number(json.iat) - claims.iat!)).toBeLessThanOrEqual(1)
    expect(Math.abs(Number(json.exp) - claims.exp!)).toBeLessThanOrEqual(1)
    expect(claims).toMatchObject({ sub: ada, org_id: acme, org_slug: 'acme', aud: 'https://reports.example' })
  })

  test('a service account: sub is its client_id, and there is no username', async () => {
    const token = await clientToken(gatehouse.url)
    const { json } = await gatehouse.introspect(token)
    expect(withoutFractions(json)).toEqual(
      withoutFractions(
        await expected(token, {
          sub: 'nightly-export',
          client_id: 'nightly-export',
          token_kind: 'access_token',
          scope: '',
          superadmin: false,
          permissions: ['configuration-items:read'],
          data_scopes: [{ source: 'ceph', scope_id: null }],
        }),
      ),
    )
  })

  test.each([
    { resource: 'https://inventory.example', caller: resourceServer, jwt: false },
    { resource: 'https://reports.example', caller: jwtResourceServer, jwt: true },
  ])('a service account with resource $resource', async ({ resource, caller, jwt }) => {
    const token = await clientToken(gatehouse.url, { resource, scope: 'configuration-items:read' })
    expect(token.includes('.')).toBe(jwt)
    const { json } = await gatehouse.introspect(token, {}, caller)
    expect(Object.keys(json).sort()).toEqual(
      [
        ...['active', 'aud', 'client_id', 'data_scopes', 'exp', 'iat', 'iss', 'jti', 'org_id', 'org_slug'],
        ...['permissions', 'scope', 'sub', 'superadmin', 'token_kind', 'token_type'],
      ].sort(),
    )
    expect(json).toMatchObject({
      aud: resource,
      sub: 'nightly-export',
      client_id: 'nightly-export',
      scope: 'configuration-items:read',
      permissions: ['configuration-items:read'],
    })
  })

  test('a superadmin holds everything, in an organization that is not theirs', async () => {
    const { tokens } = await signIn(gatehouse.url, {
      email: 'root@example.test',
      parameters: { organization: 'acme' },
    })
    const { json } = await gatehouse.introspect(tokens.access_token)
    expect(withoutFractions(json)).toEqual(
      withoutFractions(
        await expected(tokens.access_token, {
          sub: root,
          username: 'root@example.test',
          client_id: 'console',
          token_kind: 'access_token',
          scope: 'openid profile email',
          superadmin: true,
          permissions: ['*'],
          data_scopes: [{ source: null, scope_id: null }],
        }),
      ),
    )
  })

  test("a third party's token has only the permissions among its scopes, also a superadmin's", async () => {
    const scope = 'openid configuration-items:write reports:read'
    const { tokens } = await signIn(gatehouse.url, { ...confidentialClient, pick: 'acme', parameters: { scope } })
    const { json } = await gatehouse.introspect(tokens.access_token)
    expect(withoutFractions(json)).toEqual(
      withoutFractions(
        await expected(tokens.access_token, {
          sub: ada,
          username: 'ada@acme.test',
          client_id: 'webapp',
          token_kind: 'access_token',
          scope: 'openid configuration-items:write',
          superadmin: false,
          permissions: ['configuration-items:write'],
          data_scopes: adasScopes,
        }),
      ),
    )
    const byRoot = await signIn(gatehouse.url, {
      ...confidentialClient,
      email: 'root@example.test',
      parameters: { scope, organization: 'acme' },
    })
    const answer = await gatehouse.introspect(byRoot.tokens.access_token)
    expect(answer.json.permissions).toEqual(['configuration-items:write', 'reports:read'])
    const withoutPermissions = await signIn(gatehouse.url, { ...confidentialClient, pick: 'acme' })
    expect((await gatehouse.introspect(withoutPermissions.tokens.access_token)).json.permissions).toEqual([])
  })

  test('permissions and data scopes are sorted, distinct, and a wider scope absorbs the narrower', async () => {
    const scope = (source: string | null, id: string | null) => `{ source: ${source}, scope_id: ${id} }`
    await gatehouse.apply(`
organizations:
  - slug: umbrella
    teams:
      - { name: one, permissions: ["reports:read", "configuration-items:read"], data_scopes: [${scope('kubernetes', 'b')}, ${scope('kubernetes', 'a')}, ${scope('Zeta', 'x')}] }
      - { name: two, permissions: ["configuration-items:read", "configuration-items:*"], data_scopes: [${scope('kubernetes', null)}, ${scope('ceph', 'x')}] }
    members:
      - { email: ada@acme.test, teams: [one, two], permissions: ["configuration-items:read"], data_scopes: [${scope('ceph', 'x')}, ${scope('aws', 'y')}] }
      - { email: grace@globex.test, teams: [one], data_scopes: [${scope(null, null)}] }
      - { email: nobody@example.test }
`)
    const answerFor = async (email: string) => {
      const { tokens } = await signIn(gatehouse.url, { email, parameters: { organization: 'umbrella' } })
      return (await gatehouse.introspect(tokens.access_token)).json
    }
    const ofAda = await answerFor('ada@acme.test')
    expect(ofAda.permissions).toEqual(['configuration-items:*', 'configuration-items:read', 'reports:read'])
    expect(ofAda.data_scopes).toEqual([
      { source: 'Zeta', scope_id: 'x' },
      { source: 'aws', scope_id: 'y' },
      { source: 'ceph', scope_id: 'x' },
      { source: 'kubernetes', scope_id: null },
    ])
    expect((await answerFor('grace@globex.test')).data_scopes).toEqual([{ source: null, scope_id: null }])
    // nothing granted is an empty list, not a missing member
    expect(await answerFor('nobody@example.test')).toMatchObject({ active: true, permissions: [], data_scopes: [] })
  })

  test('names that need escaping arrive as they were written', async () => {
    const source = `quote"back\\\\slash ${'\u{1f30d}'} ümlaut`
    await gatehouse.apply(`
organizations:
  - slug: odd
    members:
      - { email: ada@acme.test, data_scopes: [{ source: '${source}', scope_id: 'x''y' }] }
`)
    const { tokens } = await signIn(gatehouse.url, { parameters: { organization: 'odd' } })
    expect((await gatehouse.introspect(tokens.access_token)).json.data_scopes).toEqual([{ source, scope_id: "x'y" }])
  })

  test('a resource server without an identifier sees no token that names another', async () => {
    const nameless = { clientId: 'nameless-api', clientSecret: 'nameless-api-secret-0123456789' }
    await gatehouse.apply(
      `resource_servers: [{ client_id: ${nameless.clientId}, client_secret: ${nameless.clientSecret} }]`,
    )
    const named = await clientToken(gatehouse.url, { resource: 'https://inventory.example' })
    expect((await gatehouse.introspect(named, {}, nameless)).text).toBe(inactive)
    const free = await clientToken(gatehouse.url)
    expect((await gatehouse.introspect(free, {}, nameless)).json.active).toBe(true)
  })

  test('there is one introspection endpoint: no other spelling of its path answers', async () => {
    const body = new URLSearchParams({ token: 'x'.repeat(43), client_id: 'console' })
    for (const path of ['/oauth/introspect/', '/OAUTH/introspect', '/oauth/Introspect', '/oauth//introspect']) {
      const response = await fetch(gatehouse.url + path, { method: 'POST', body })
      expect([path, response.status]).toEqual([path, 404])
    }
  })
})

/** The database rounds a time, the row read here is cut: a second apart is the same. */
function withoutFractions(answer: Record<string, unknown>) {
  const { iat, exp, ...rest } = answer
  expect([typeof iat, typeof exp]).toEqual(['number', 'number'])
  expect(Number.isInteger(iat) && Number.isInteger(exp)).toBe(true)
  return rest
}
