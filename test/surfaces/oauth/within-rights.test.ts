import { decodeJwt } from 'jose'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newTokens } from '#support/api-requests.ts'
import { clientToken, inactive, logEntries } from '#support/credential-requests.ts'
import { availableDatabases } from '#support/databases.ts'
import {
  confidentialClient,
  type Gatehouse,
  type jwtResourceServer,
  redirectUri,
  serviceAccount,
  startGatehouse,
} from '#support/gatehouse.ts'
import { createKey, signInTo } from '#support/keys.ts'
import { beginSignIn, enterPassword, signIn } from '#support/relying-party.ts'
import { requestToken } from '#support/wire.ts'

const ofGlobex = { clientId: 'globex-api', clientSecret: 'globex-api-secret-0123456789' }
const read = 'configuration-items:read'

describe.each(availableDatabases())('what a token may name, on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    await gatehouse.apply(`resource_servers:
  - { client_id: ${ofGlobex.clientId}, client_secret: ${ofGlobex.clientSecret} }`)
    const { db } = gatehouse.database
    await sql`update clients set organization_id = (select id from organizations where slug = 'globex'), revision = 'owned'
      where client_id = ${ofGlobex.clientId}`.execute(db)
  })
  afterAll(() => gatehouse.stop())

  async function setGrants(email: string, slug: string, permissions: string[]) {
    await sql`update memberships m set effective_permissions = ${JSON.stringify(permissions)}::json from users u, organizations o
      where u.id = m.user_id and o.id = m.organization_id and u.email = ${email} and o.slug = ${slug}`.execute(
      gatehouse.database.db,
    )
  }

  const scopeOf = async (token: string, caller = undefined as typeof jwtResourceServer | undefined) =>
    (await gatehouse.introspect(token, {}, caller)).json.scope

  describe('a resource server of one organization', () => {
    test("learns nothing of another organization's credentials, of whichever kind", async () => {
      const acme = await newTokens(gatehouse, { email: 'ada@acme.test', organization: 'acme' })
      const { key } = await createKey(gatehouse, await signInTo(gatehouse, 'acme'))
      for (const token of [acme.access, key, await clientToken(gatehouse.url)]) {
        const userAgent = `agent-${Math.random()}`
        expect((await gatehouse.introspect(token, { user_agent: userAgent }, ofGlobex)).text).toBe(inactive)
        expect(await logEntries(gatehouse, userAgent)).toMatchObject([
          { outcome: 'refused', reason: 'foreign_organization' },
        ])
        expect((await gatehouse.introspect(token)).json.active).toBe(true)
      }
    })

    test('answers for those of its own', async () => {
      const globex = await newTokens(gatehouse, { email: 'ada@acme.test', organization: 'globex' })
      expect((await gatehouse.introspect(globex.access, {}, ofGlobex)).json).toMatchObject({
        active: true,
        org_slug: 'globex',
      })
    })
  })

  test('a refresh token is active for its own client alone', async () => {
    const { tokens } = await signIn(gatehouse.url, { ...confidentialClient, email: 'grace@globex.test' })
    expect((await gatehouse.introspect(tokens.refresh_token!)).text).toBe(inactive)
    const own = await gatehouse.introspect(tokens.refresh_token!, {}, confidentialClient)
    expect(own.json).toMatchObject({ active: true, token_kind: 'refresh_token' })
  })

  describe('the scope of a token', () => {
    test('names of the permissions those that its holder has there: in the answer, in a JWT, and at introspection', async () => {
      const parameters = { scope: `openid ${read} reports:read` }
      const { tokens } = await signIn(gatehouse.url, { pick: 'acme', parameters })
      expect(tokens.scope).toBe(`openid ${read}`)
      expect(await scopeOf(tokens.access_token)).toBe(`openid ${read}`)
      const jwt = await signIn(gatehouse.url, {
        pick: 'acme',
        parameters: { ...parameters, resource: 'https://reports.example' },
      })
      expect(decodeJwt(jwt.tokens.access_token).scope).toBe(read)
    })

    test('a wildcard answers for what it covers', async () => {
      const { tokens } = await signIn(gatehouse.url, {
        email: 'root@example.test',
        parameters: { scope: `openid ${read} reports:read`, organization: 'acme' },
      })
      expect(tokens.scope).toBe(`openid ${read} reports:read`)
    })

    test('loses a permission with its holder, at once at introspection and at each renewal, and gets it back', async () => {
      const { tokens } = await signIn(gatehouse.url, { pick: 'acme', parameters: { scope: `openid ${read}` } })
      const renew = async (refresh: string) =>
        (await requestToken(gatehouse, { grant_type: 'refresh_token', refresh_token: refresh })).json
      await setGrants('ada@acme.test', 'acme', [])
      expect(await scopeOf(tokens.access_token)).toBe('openid')
      const without = await renew(tokens.refresh_token!)
      expect(without.scope).toBe('openid')
      await setGrants('ada@acme.test', 'acme', [read, 'configuration-items:write'])
      expect(await scopeOf(String(without.access_token))).toBe('openid')
      expect((await renew(String(without.refresh_token))).scope).toBe(`openid ${read}`)
    })

    test('that names permissions alone is refused when none is left, at the request and at a renewal that costs nothing', async () => {
      const flow = await beginSignIn(gatehouse.url, { parameters: { scope: 'reports:read', organization: 'acme' } })
      await enterPassword(flow.browser, 'ada@acme.test')
      expect(flow.browser.page.url.startsWith(redirectUri)).toBe(true)
      expect(new URL(flow.browser.page.url).searchParams.get('error')).toBe('invalid_scope')

      const { tokens } = await signIn(gatehouse.url, { parameters: { scope: read, organization: 'acme' } })
      expect(tokens.scope).toBe(read)
      const renewal = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token! }
      await setGrants('ada@acme.test', 'acme', [])
      expect(await requestToken(gatehouse, renewal)).toMatchObject({ status: 400, json: { error: 'invalid_scope' } })
      await setGrants('ada@acme.test', 'acme', [read, 'configuration-items:write'])
      expect(await requestToken(gatehouse, renewal)).toMatchObject({ status: 200, json: { scope: read } })
    })

    test('of a service account is within its own rights', async () => {
      const ask = (scope: string) =>
        requestToken(gatehouse, { grant_type: 'client_credentials', scope }, { as: serviceAccount })
      expect(await ask(`${read} reports:read`)).toMatchObject({ status: 200, json: { scope: read } })
      expect(await ask('reports:read')).toMatchObject({ status: 400, json: { error: 'invalid_scope' } })
    })
  })
})
