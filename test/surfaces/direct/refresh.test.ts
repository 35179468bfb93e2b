import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  authenticate,
  bearer,
  call,
  databases,
  deployOn,
  forgetKeptAnswers,
  forgetTries,
  newTokens,
  tokensOf,
} from '#support/api-requests.ts'
import { expire, expiryOf, logEntries, rowOf } from '#support/credential-requests.ts'
import { password } from '#support/gatehouse.ts'
import { signIn } from '#support/relying-party.ts'
import { addSecondAdmin } from '#support/second-admin.ts'
import { allAtOnce, type Deployment, isActive, requestToken } from '#support/wire.ts'

describe.each(databases)('renewing directly given tokens on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  beforeAll(async () => {
    deployment = await deployOn(database)
    gatehouse = deployment.gatehouse
    await addSecondAdmin(gatehouse)
  })
  beforeEach(() => forgetTries(gatehouse))
  afterAll(() => deployment.stop())

  const post = (token: string, port?: number) =>
    call(gatehouse, '/v1/auth/refresh', { json: { token }, ...(port && { port }) })
  const get = (token: string, headers: Record<string, string> = {}, port?: number) =>
    call(gatehouse, `/v1/auth/refresh/${token}`, { headers, ...(port && { port }) })

  async function expectRefused(answer: Awaited<ReturnType<typeof post>>) {
    expect(answer).toMatchObject({ status: 401, json: { code: 'authentication_required' } })
    expect(answer.headers['www-authenticate']).toBe('Bearer')
  }

  describe.each(['access', 'refresh'] as const)('by the %s token', (which) => {
    test.each([
      ['POST /v1/auth/refresh', (token: string) => post(token)],
      ['GET /v1/auth/refresh/{token}', (token: string) => get(token)],
      ['POST /auth/refresh', (token: string) => call(gatehouse, '/auth/refresh', { json: { token } })],
      ['GET /auth/refresh/{token}', (token: string) => call(gatehouse, `/auth/refresh/${token}`)],
    ])('%s gives the next pair for the same organization', async (_, renew) => {
      // S2-41
      const first = await authenticate(gatehouse, { email: 'ada@acme.test', org: 'acme' })
      const old = tokensOf(first)
      const answer = await renew(old[which])
      const next = tokensOf(answer)
      expect(answer.headers['cache-control']).toBe('no-store')
      expect(answer.json).toEqual({
        ...first.json,
        Authorization: next.access,
        access_token: next.access,
        refresh_token: next.refresh,
      })
      expect(next).not.toMatchObject({ access: old.access })
      expect((await gatehouse.introspect(next.access)).json).toMatchObject({ active: true, org_slug: 'acme' })
      expect(await isActive(gatehouse, next.refresh)).toBe(true)
      expect(await isActive(gatehouse, old.access)).toBe(true)
      expect(await isActive(gatehouse, old.refresh)).toBe(false)
    })

    test('twenty times at once over all nodes, by GET and POST: one answer', async () => {
      const old = await newTokens(gatehouse)
      const answers = await allAtOnce(20, deployment.ports, (port, n) =>
        n % 4 < 2 ? get(old[which], {}, port) : post(old[which], port),
      )
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
      const { grantId } = await rowOf(gatehouse, old.access)
      const live = await gatehouse.database.db
        .selectFrom('credentials')
        .select('id')
        .where('grantId', '=', grantId)
        .where('kind', '=', 'refresh_token')
        .where('spentAt', 'is', null)
        .execute()
      expect(live).toHaveLength(1)
      expect((await get(old[which])).text).toBe(answers[0]?.text)
    })

    test.each(['HEAD', 'Sec-Purpose', 'Purpose'])('%s changes nothing', async (how) => {
      const old = await newTokens(gatehouse)
      const path = `/v1/auth/refresh/${old[which]}`
      const answer =
        how === 'HEAD'
          ? await call(gatehouse, path, { method: 'HEAD' })
          : await get(old[which], { [how.toLowerCase()]: 'prefetch;prerender' })
      expect(answer.status).toBe(400)
      expect(await isActive(gatehouse, old.refresh)).toBe(true)
      expect((await get(old[which])).status).toBe(200)
    })

    test('an expired one is refused', async () => {
      const old = await newTokens(gatehouse)
      await expire(gatehouse, old[which])
      await expectRefused(await post(old[which]))
      expect(await isActive(gatehouse, which === 'access' ? old.refresh : old.access)).toBe(true)
    })
  })

  test('a spent refresh token ends the grant', async () => {
    const old = await newTokens(gatehouse)
    const next = tokensOf(await post(old.refresh))
    await forgetKeptAnswers(gatehouse)
    await expectRefused(await get(old.refresh))
    for (const token of [old.access, next.access, next.refresh]) expect(await isActive(gatehouse, token)).toBe(false)
    await expectRefused(await post(next.refresh))
  })

  test('an access token that is not the newest is refused, and nothing ends', async () => {
    const old = await newTokens(gatehouse)
    const next = tokensOf(await post(old.access))
    await forgetKeptAnswers(gatehouse)
    await expectRefused(await post(old.access))
    for (const token of [old.access, next.access, next.refresh]) expect(await isActive(gatehouse, token)).toBe(true)
    expect((await post(next.access)).status).toBe(200)
  })

  test('by access token and by refresh token at once: one family', async () => {
    const old = await newTokens(gatehouse)
    const answers = await Promise.all([post(old.access, deployment.ports[0]), post(old.refresh, deployment.ports[1])])
    const won = answers.filter(({ status }) => status === 200)
    expect(won.length).toBe(1)
  })

  test('here and at the token endpoint at once: one family at most, and no error', async () => {
    const old = await newTokens(gatehouse)
    const fields = { grant_type: 'refresh_token', client_id: 'gatehouse', refresh_token: old.refresh }
    const answers = await allAtOnce(12, deployment.ports, (port, n) =>
      n % 4 < 2 ? post(n % 3 ? old.refresh : old.access, port) : requestToken(gatehouse, fields, { port }),
    )
    for (const { status } of answers) expect([200, 400, 401]).toContain(status)
    const { grantId } = await rowOf(gatehouse, old.access)
    const live = await gatehouse.database.db
      .selectFrom('credentials as c')
      .innerJoin('oauthGrants as g', 'g.id', 'c.grantId')
      .select('c.id')
      .where('g.id', '=', grantId)
      .where('g.revokedAt', 'is', null)
      .where('c.kind', '=', 'refresh_token')
      .where('c.spentAt', 'is', null)
      .execute()
    expect(live.length).toBeLessThanOrEqual(1)
  })

  test('the token endpoint renews it too, and they know of each other', async () => {
    const old = await newTokens(gatehouse)
    const fields = { grant_type: 'refresh_token', client_id: 'gatehouse' }
    const { json } = await requestToken(gatehouse, { ...fields, refresh_token: old.refresh })
    expect(await isActive(gatehouse, String(json.access_token))).toBe(true)
    await expectRefused(await post(old.access))
    const third = tokensOf(await post(String(json.refresh_token)))
    await forgetKeptAnswers(gatehouse)
    const reuse = await requestToken(gatehouse, { ...fields, refresh_token: String(json.refresh_token) })
    expect(reuse.json.error).toBe('invalid_grant')
    expect(await isActive(gatehouse, third.access)).toBe(false)
  })

  test('tokens of another client are refused, and live on', async () => {
    const { tokens } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    for (const token of [tokens.access_token, tokens.refresh_token!]) {
      await expectRefused(await post(token))
      expect(await isActive(gatehouse, token)).toBe(true)
    }
    await requestToken(gatehouse, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token! })
    await expectRefused(await post(tokens.refresh_token!))
    expect(await isActive(gatehouse, tokens.access_token)).toBe(true)
  })

  test.each(['x', 'x'.repeat(43), `${'a'.repeat(20)}.${'b'.repeat(20)}.${'c'.repeat(20)}`, '%00', '%E0%A4%A'])(
    'what is no token (%s) is refused',
    async (token) => expectRefused(await get(token)),
  )

  test('a body that says anything else is 422', async () => {
    expect((await call(gatehouse, '/v1/auth/refresh', { json: {} })).status).toBe(422)
    expect((await call(gatehouse, '/v1/auth/refresh', { json: { token: 'x', more: 1 } })).status).toBe(422)
    expect((await call(gatehouse, '/v1/auth/refresh', { json: { token: 'x'.repeat(5000) } })).status).toBe(422)
  })

  test('however often it is renewed, a grant ends thirty days after the sign-in', async () => {
    const old = await newTokens(gatehouse)
    const since = Math.floor(Date.now() / 1000) - 30 * 86_400 + 600
    await sql`update credentials set payload = jsonb_set(payload, '{iiat}', to_jsonb(${since}::int))
      where kind = 'refresh_token' and spent_at is null`.execute(gatehouse.database.db)
    const answer = await post(old.access)
    const next = tokensOf(answer)
    expect(Number(answer.json.expires_in)).toBeLessThanOrEqual(600)
    for (const token of [next.access, next.refresh]) {
      expect(await expiryOf(gatehouse, token)).toBeLessThanOrEqual(since + 30 * 86_400 + 1)
    }
    await expire(gatehouse, next.refresh)
    await expectRefused(await post(next.access))
  })

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
  ])('after the %s it is refused, a repeat within ten seconds too', async (_, file) => {
    // S0-38
    const [old, renewed] = [await newTokens(gatehouse), await newTokens(gatehouse)]
    await post(renewed.refresh)
    await gatehouse.apply(file(false))
    try {
      for (const token of [old.access, old.refresh, renewed.refresh]) await expectRefused(await post(token))
      const { access } = old
      expect((await call(gatehouse, '/v1/me', bearer(access))).status).toBe(401)
    } finally {
      await gatehouse.apply(file(true))
    }
    expect((await post(old.refresh)).status).toBe(200)
  })

  test('is in the authentication log, without the token', async () => {
    const old = await newTokens(gatehouse)
    const headers = { 'user-agent': 'renewing' }
    await get(old.access, headers)
    await get(old.refresh, headers)
    await get('y'.repeat(43), headers)
    const [access, refresh] = [await rowOf(gatehouse, old.access), await rowOf(gatehouse, old.refresh)]
    const common = { via: 'refresh', ip: '127.0.0.1', method: 'GET', path: '/v1/auth/refresh' }
    const known = {
      ...common,
      userEmail: 'grace@globex.test',
      clientId: 'gatehouse',
      organizationId: access.organizationId,
    }
    expect(await logEntries(gatehouse, 'renewing')).toMatchObject([
      { ...known, outcome: 'accepted', reason: null, credentialKind: 'access_token', credentialId: access.id },
      { ...known, outcome: 'refused', reason: 'reused', credentialKind: 'refresh_token', credentialId: refresh.id },
      { ...common, outcome: 'refused', reason: 'unknown', credentialKind: 'unknown', userEmail: null },
    ])
  })

  test('sign-out ends the whole grant and no other', async () => {
    const [one, other] = [await newTokens(gatehouse), await newTokens(gatehouse)]
    const next = tokensOf(await post(one.refresh))
    const signOut = () => call(gatehouse, '/v1/auth/sign-out', { method: 'POST', ...bearer(next.access) })
    const answer = await signOut()
    expect(answer).toMatchObject({ status: 204, text: '' })
    for (const token of [one.access, next.access, next.refresh]) expect(await isActive(gatehouse, token)).toBe(false)
    expect(await isActive(gatehouse, other.access)).toBe(true)
    await expectRefused(await signOut())
    await expectRefused(await post(next.refresh))
    await expectRefused(await call(gatehouse, '/v1/auth/sign-out', { method: 'POST', ...bearer(other.refresh) }))
    expect(await isActive(gatehouse, other.refresh)).toBe(true)
  })

  test('no token and no password is in a log line or in the database', async () => {
    const headers = { 'user-agent': 'careful' }
    const first = tokensOf(await authenticate(gatehouse, {}, { headers }))
    const second = tokensOf(await get(first.access))
    const third = tokensOf(await call(gatehouse, `/auth/refresh/${second.refresh}`))
    const fourth = tokensOf(await post(third.access))
    await call(gatehouse, `/V1/AUTH/Refresh/${fourth.access}`)
    await call(gatehouse, `/v1/auth/%72efresh/${fourth.access}`)
    await call(gatehouse, `/v1/auth/refresh/${fourth.access}/more?token=${fourth.refresh}`)
    await call(gatehouse, `/v1/me/${fourth.access}`)
    await call(gatehouse, `/v1/auth/authenticate`, { json: `{"password":"${password}` })
    const everything = gatehouse.logLines.join('') + (await dump())
    expect(everything).toContain('careful')
    for (const secret of [first, second, third, fourth].flatMap(({ access, refresh }) => [access, refresh])) {
      expect(everything).not.toContain(secret)
    }
    expect(everything).not.toContain(password)
  })

  /** Every row of every table, binary columns as text too. */
  async function dump(): Promise<string> {
    const { db } = gatehouse.database
    const { rows } = await sql<{ name: string }>`select tablename as name from pg_tables
      where schemaname = 'public'`.execute(db)
    let text = ''
    for (const { name } of rows) {
      const { rows: all } = await sql<{ row: unknown }>`select to_jsonb(t) as row from ${sql.table(name)} t`.execute(db)
      text += JSON.stringify(all).replaceAll(/\\\\x([0-9a-f]+)/g, (_, hex) =>
        Buffer.from(hex, 'hex').toString('latin1'),
      )
    }
    return text
  }
})
