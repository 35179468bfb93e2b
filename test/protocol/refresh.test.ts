import { decodeJwt } from 'jose'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rowOf } from '#support/credential-requests.ts'
import { confidentialClient, redirectUri } from '#support/gatehouse.ts'
import { beginSignIn, enterPassword, signIn } from '#support/relying-party.ts'
import { addSecondAdmin } from '#support/second-admin.ts'
import {
  allAtOnce,
  availableStores,
  type Deployment,
  deploy,
  isActive,
  requestToken,
  type Stores,
} from '#support/wire.ts'

const stores = availableStores().filter(({ redis }) => !redis)

describe.each(stores)('refresh tokens on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let browser: Awaited<ReturnType<typeof signIn>>['browser']

  beforeAll(async () => {
    deployment = await deploy(store)
    gatehouse = deployment.gatehouse
    await addSecondAdmin(gatehouse)
    browser = (await signIn(gatehouse.url, { email: 'grace@globex.test' })).browser
  })
  afterAll(() => deployment.stop())

  /** A grant of its own, by the session that is there. */
  async function newGrant() {
    const { tokens } = await signIn(gatehouse.url, { browser })
    return { access: tokens.access_token, refresh: tokens.refresh_token! }
  }

  const refresh = (token: string, more: Record<string, string> = {}, port?: number) =>
    requestToken(gatehouse, { grant_type: 'refresh_token', refresh_token: token, ...more }, { ...(port && { port }) })

  async function liveRefreshTokens(access: string): Promise<number> {
    const { rows } = await sql<{ live: number }>`select count(*) as live from credentials c
      join oauth_grants g on g.id = c.grant_id
      where c.kind = 'refresh_token' and c.spent_at is null and c.revoked_at is null and g.revoked_at is null
        and c.grant_id = (select grant_id from credentials where hash = sha256(${access}::text::bytea))`.execute(
      gatehouse.database.db,
    )
    return Number(rows[0]?.live)
  }

  async function expectDead(...tokens: string[]) {
    for (const token of tokens) expect(await isActive(gatehouse, token)).toBe(false)
  }

  const forgetKeptAnswers = () =>
    gatehouse.database.db
      .updateTable('tokenAnswers')
      .set({ expiresAt: new Date(Date.now() - 1000) })
      .execute()

  test('a refresh rotates: the new pair works, the old refresh token is spent, the old access token lives on', async () => {
    const grant = await newGrant()
    const answer = await refresh(grant.refresh)
    expect(answer).toMatchObject({ status: 200, json: { token_type: 'Bearer', expires_in: 900 } })
    const next = { access: String(answer.json.access_token), refresh: String(answer.json.refresh_token) }
    expect(next.refresh).not.toBe(grant.refresh)
    expect(decodeJwt(String(answer.json.id_token))).toMatchObject({ org_slug: 'globex' })
    expect(await isActive(gatehouse, next.access)).toBe(true)
    expect(await isActive(gatehouse, next.refresh)).toBe(true)
    expect(await isActive(gatehouse, grant.access)).toBe(true)
    await expectDead(grant.refresh)
    expect(await liveRefreshTokens(grant.access)).toBe(1)
  })

  test('the identical request repeated gets the identical answer, and there is one family', async () => {
    const grant = await newGrant()
    const first = await refresh(grant.refresh)
    for (const port of deployment.ports) {
      const again = await refresh(grant.refresh, {}, port)
      expect(again.text).toBe(first.text)
      expect(again.status).toBe(200)
      for (const name of ['content-type', 'cache-control', 'x-content-type-options']) {
        expect(again.headers[name]).toBe(first.headers[name])
      }
    }
    expect(await liveRefreshTokens(grant.access)).toBe(1)
    expect((await refresh(String(first.json.refresh_token))).status).toBe(200)
  })

  test("a browser app may read the repeated answer as it may the first, and another site's page neither", async () => {
    const grant = await newGrant()
    const origin = new URL(redirectUri).origin
    const fields = { grant_type: 'refresh_token', refresh_token: grant.refresh, client_id: 'console' }
    const ask = (from: string) =>
      fetch(`${gatehouse.url}/oauth/token`, {
        method: 'POST',
        headers: { origin: from },
        body: new URLSearchParams(fields),
      })
    const first = await ask(origin)
    const again = await ask(origin)
    expect(first.headers.get('access-control-allow-origin')).toBe(origin)
    expect(again.headers.get('access-control-allow-origin')).toBe(origin)
    expect(again.headers.get('vary')).toBe(first.headers.get('vary'))
    expect(await again.text()).toBe(await first.text())
    expect((await ask('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull()
  })

  test('twenty identical requests at once, over all nodes, get one answer', async () => {
    const grant = await newGrant()
    const answers = await allAtOnce(20, deployment.ports, (port) => refresh(grant.refresh, {}, port))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(await liveRefreshTokens(grant.access)).toBe(1)
    expect(await isActive(gatehouse, String(answers[0]!.json.refresh_token))).toBe(true)
  })

  test('twenty different requests at once: at most one is answered, and the grant is dead', async () => {
    const grant = await newGrant()
    const answers = await allAtOnce(20, deployment.ports, (port, n) =>
      refresh(grant.refresh, { nonsense: String(n) }, port),
    )
    const won = answers.filter(({ status }) => status === 200)
    expect(won.length).toBeLessThanOrEqual(1)
    for (const lost of answers.filter(({ status }) => status !== 200)) {
      expect(lost).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    }
    expect(await liveRefreshTokens(grant.access)).toBe(0)
    await expectDead(
      grant.access,
      ...won.flatMap(({ json }) => [String(json.access_token), String(json.refresh_token)]),
    )
  })

  test.each([
    ['with a narrower scope', { scope: 'openid' }],
    ['with a scope that was never granted', { scope: 'openid configuration-items:write' }],
    ['for another resource', { resource: 'https://inventory.example' }],
    ['for a resource that does not exist', { resource: 'https://nowhere.example' }],
  ])('a spent token presented %s ends the whole grant at once', async (_, more: Record<string, string>) => {
    const grant = await newGrant()
    const { json } = await refresh(grant.refresh)
    expect(await refresh(grant.refresh, more)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    await expectDead(grant.access, grant.refresh, String(json.access_token), String(json.refresh_token))
    expect(await refresh(String(json.refresh_token))).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    expect(await liveRefreshTokens(grant.access)).toBe(0)
  })

  test('a spent token presented after the ten seconds ends the whole grant at once', async () => {
    const grant = await newGrant()
    const { json } = await refresh(grant.refresh)
    await forgetKeptAnswers()
    expect(await refresh(grant.refresh)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    await expectDead(grant.access, String(json.access_token), String(json.refresh_token))
  })

  test('a live token asked for too much is refused and stays usable', async () => {
    const grant = await newGrant()
    const refused = await refresh(grant.refresh, { scope: 'openid configuration-items:write' })
    expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_scope' } })
    expect((await refresh(grant.refresh)).status).toBe(200)
  })

  test("another client presenting a token, live or spent, is refused and the owner's grant lives on", async () => {
    const grant = await newGrant()
    const steal = (token: string) =>
      requestToken(gatehouse, { grant_type: 'refresh_token', refresh_token: token }, { as: confidentialClient })
    expect(await steal(grant.refresh)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    const { json } = await refresh(grant.refresh)
    await forgetKeptAnswers()
    expect(await steal(grant.refresh)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    expect(await isActive(gatehouse, grant.access)).toBe(true)
    expect((await refresh(String(json.refresh_token))).status).toBe(200)
  })

  test('somebody who cannot prove to be the client ends nothing with a spent token', async () => {
    const options = { ...confidentialClient, email: 'grace@globex.test', browser }
    const { tokens } = await signIn(gatehouse.url, options)
    const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token! }
    const { json } = await requestToken(gatehouse, fields, { as: confidentialClient })
    const wrong = { clientId: confidentialClient.clientId, clientSecret: 'not-the-secret' }
    expect(await requestToken(gatehouse, fields, { as: wrong })).toMatchObject({ status: 401 })
    expect(await isActive(gatehouse, String(json.refresh_token))).toBe(true)
  })

  test.each([
    ['while the new tokens are written', 'credentials'],
    ['when all but the answer is written', 'token_answers'],
  ])('a server error %s undoes everything: the token works afterwards', async (_, table) => {
    const grant = await newGrant()
    const { db } = gatehouse.database
    const before = gatehouse.logLines.length
    await sql`create function fail() returns trigger language plpgsql as $$ begin raise 'disk full'; end $$`.execute(db)
    await sql`create trigger fail before insert on ${sql.table(table)} execute function fail()`.execute(db)
    try {
      const failed = await refresh(grant.refresh)
      expect(failed.status).toBe(500)
      expect(failed.text).not.toContain('disk full')
      expect(await liveRefreshTokens(grant.access)).toBe(1)
    } finally {
      await sql`drop function fail cascade`.execute(db)
    }
    const logged = gatehouse.logLines.slice(before).join('')
    expect(logged).toContain('disk full')
    for (const value of [grant.refresh, '"params"', '"query"', 'insert into']) expect(logged).not.toContain(value)
    expect((await refresh(grant.refresh)).status).toBe(200)
  })

  test('however much it is used, a grant ends thirty days after the sign-in', async () => {
    // S0-08
    const grant = await newGrant()
    const now = Math.floor(Date.now() / 1000)
    const since = now - 30 * 86_400 + 600
    await sql`update credentials set payload = jsonb_set(payload, '{iiat}', to_jsonb(${since}::int))
      where kind = 'refresh_token'`.execute(gatehouse.database.db)
    const { json } = await refresh(grant.refresh)
    expect(await isActive(gatehouse, String(json.refresh_token))).toBe(true)
    const { expiresAt } = await rowOf(gatehouse, String(json.refresh_token))
    expect(expiresAt.getTime() / 1000).toBeLessThanOrEqual(since + 30 * 86_400 + 1)
  })

  // Each one signs in as somebody whom it switches off, and on again.
  const globex = (more: string, grace: string) => `organizations:
  - slug: globex
    ${more}
    members:
      - { email: ada@acme.test, teams: [auditors] }
      - { email: grace@globex.test, admin: true, teams: [], ${grace} }`

  test.each([
    ['user is deactivated', (active: boolean) => `users: [{ email: grace@globex.test, active: ${active} }]`],
    ['membership is deactivated', (active: boolean) => globex('name: Globex', `active: ${active}`)],
    ['organization is suspended', (active: boolean) => globex(`active: ${active}`, 'active: true')],
  ])('a refresh after the %s is refused, and its tokens are dead meanwhile', async (_, file) => {
    // S0-38
    const grant = await newGrant()
    await gatehouse.apply(file(false))
    try {
      for (const port of deployment.ports) {
        expect(await refresh(grant.refresh, {}, port)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
      }
      await expectDead(grant.access, grant.refresh)
    } finally {
      await gatehouse.apply(file(true))
    }
  })

  test('a deactivated person has no session any more', async () => {
    const grant = await newGrant()
    await gatehouse.apply('users: [{ email: grace@globex.test, active: false }]')
    const flow = await beginSignIn(gatehouse.url, { browser })
    expect(flow.browser.page.html).toContain('name="email"')
    await gatehouse.apply('users: [{ email: grace@globex.test, active: true }]')
    await enterPassword(browser, 'grace@globex.test')
    expect(await isActive(gatehouse, grant.access)).toBe(true)
  })
})
