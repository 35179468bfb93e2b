import { availableParallelism } from 'node:os'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { hashPassword } from '#authentication/passwords/password.ts'
import { endOtherSessions } from '#credentials/revocation/revocation.ts'
import {
  authenticate,
  call,
  databases,
  deployOn,
  forgetKeptAnswers,
  forgetTries,
  newTokens,
  tokensOf,
} from '#support/api-requests.ts'
import { logEntries } from '#support/credential-requests.ts'
import { password } from '#support/gatehouse.ts'
import { allAtOnce, type Deployment, isActive } from '#support/wire.ts'

const path = '/v1/auth/authenticate'
const wrong = { password: 'not the password' }

describe.each(databases)('POST /v1/auth/authenticate on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  beforeAll(async () => {
    deployment = await deployOn(database)
    gatehouse = deployment.gatehouse
  })
  beforeEach(() => forgetTries(gatehouse))
  afterAll(() => deployment.stop())

  const grants = async () => (await gatehouse.database.db.selectFrom('oauthGrants').select('id').execute()).length

  test('gives tokens and says for which organization', async () => {
    // S2-39, S2-40
    const answer = await authenticate(gatehouse)
    expect(answer.status).toBe(200)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['content-type']).toMatch(/^application\/json/)
    expect(answer.json).toEqual({
      Authorization: answer.json.access_token,
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      token_type: 'Bearer',
      expires_in: 900,
      refresh_token: expect.stringMatching(/^[\w-]{43}$/),
      organization: { id: expect.stringMatching(/^org_/), slug: 'globex', name: 'Globex' },
    })
  })

  test('the tokens are tokens like any other', async () => {
    const { access, refresh } = await newTokens(gatehouse, { email: 'ada@acme.test', organization: 'acme' })
    const { json } = await gatehouse.introspect(access)
    expect(json).toMatchObject({
      active: true,
      username: 'ada@acme.test',
      client_id: 'gatehouse',
      token_type: 'Bearer',
      token_kind: 'access_token',
      scope: 'openid profile email',
      org_slug: 'acme',
      superadmin: false,
      permissions: ['configuration-items:read', 'configuration-items:write'],
      data_scopes: [
        { source: 'kubernetes', scope_id: 'prod-cluster' },
        { source: 'proxmox', scope_id: null },
      ],
    })
    expect(Number(json.exp) - Number(json.iat)).toBe(900)
    expect(await isActive(gatehouse, refresh)).toBe(true)
    const userinfo = await call(gatehouse, '/oauth/userinfo', { headers: { authorization: `Bearer ${access}` } })
    expect(userinfo.json).toMatchObject({ email: 'ada@acme.test', org_slug: 'acme' })
    const revoked = await fetch(`${gatehouse.url}/oauth/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ token: refresh, client_id: 'gatehouse' }),
    })
    expect(revoked.status).toBe(200)
    expect(await isActive(gatehouse, access)).toBe(false)
  })

  test.each([
    { email: 'grace@globex.test' },
    { email: undefined, emailId: 'grace@globex.test' },
    { emailId: 'Grace@Globex.TEST' },
    { email: '  GRACE@globex.test ' },
    { organization: 'globex' },
    { org: 'globex' },
    { org: 'globex', organization: 'globex' },
  ])('takes either spelling of its fields: %j', async (fields) => {
    expect((await authenticate(gatehouse, fields)).json).toMatchObject({ organization: { slug: 'globex' } })
  })

  test('takes an organization by its id, and answers at /auth/authenticate too', async () => {
    const { json } = await authenticate(gatehouse, { email: 'ada@acme.test', org: 'acme' })
    const { id } = json.organization as { id: string }
    const again = await call(gatehouse, '/auth/authenticate', {
      json: { emailId: 'ada@acme.test', password, organization: id },
    })
    expect(again.json).toMatchObject({ token_type: 'Bearer', organization: { slug: 'acme' } })
  })

  test.each([
    [{ email: undefined }, 'email'],
    [{ email: 'not an address' }, 'email'],
    [{ email: 'a@b.test, c@d.test' }, 'email'],
    [{ email: 'a@b.test\r\nbcc: c@d.test' }, 'email'],
    [{ email: ['grace@globex.test'] }, 'email'],
    [{ emailId: 'ada@acme.test' }, 'emailId'],
    [{ password: undefined }, 'password'],
    [{ password: 7 }, 'password'],
    [{ org: 'acme', organization: 'globex' }, 'org'],
    [{ organization: '' }, 'organization'],
    [{ organization: 'a\u0000b' }, 'organization'],
    [{ organization: { slug: 'globex' } }, 'organization'],
    [{ superadmin: true }, 'superadmin'],
  ])('%j is 422 and names %s', async (fields, field) => {
    const { status, json, headers } = await authenticate(gatehouse, fields)
    expect(status).toBe(422)
    expect(headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(json).toMatchObject({ code: 'validation_failed', status: 422, errors: [{ path: field }] })
  })

  test('__proto__ and constructor are unknown fields like any other', async () => {
    for (const name of ['__proto__', 'constructor']) {
      const json = `{"email":"grace@globex.test","password":"${password}","${name}":{"superadmin":true}}`
      const answer = await call(gatehouse, path, { json })
      expect(answer).toMatchObject({ status: 422, json: { errors: [{ path: name }] } })
    }
    expect(({} as { superadmin?: boolean }).superadmin).toBeUndefined()
  })

  test.each([
    ['another content type', { json: 'email=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
    ['no body', { method: 'POST' }],
    ['broken JSON', { json: '{"email":' }],
    ['an empty body', { json: '' }],
    ['more than 64 KB', { json: JSON.stringify({ email: 'x'.repeat(66_000) }) }],
    ['deep nesting', { json: `${'['.repeat(5000)}${']'.repeat(5000)}` }],
  ])('%s is 400', async (_, request) => {
    const { status, json } = await call(gatehouse, path, request)
    expect({ status, code: json.code }).toEqual({ status: 400, code: 'invalid_request' })
  })

  test('an unknown or twice given query parameter is refused', async () => {
    const json = { email: 'grace@globex.test', password }
    expect((await call(gatehouse, `${path}?x=1`, { json })).status).toBe(422)
    expect((await call(gatehouse, `${path}?x=1&x=2`, { json })).status).toBe(400)
  })

  test('a password of more than 128 characters is 400 and counts as no try', async () => {
    for (let n = 0; n < 12; n++) {
      expect((await authenticate(gatehouse, { password: 'x'.repeat(129) })).status).toBe(400)
    }
    expect((await authenticate(gatehouse, { password: 'x'.repeat(128) })).status).toBe(401)
    expect((await authenticate(gatehouse)).status).toBe(200)
  })

  test('several memberships and none named: the list, but only for the right password', async () => {
    const { status, json } = await authenticate(gatehouse, { email: 'ada@acme.test' })
    expect(status).toBe(409)
    expect(json).toMatchObject({
      code: 'organization_required',
      organizations: [
        { id: expect.stringMatching(/^org_/), slug: 'acme', name: 'Acme Corporation' },
        { id: expect.stringMatching(/^org_/), slug: 'globex', name: 'Globex' },
      ],
    })
    const { status: refused, text } = await authenticate(gatehouse, { email: 'ada@acme.test', ...wrong })
    expect(refused).toBe(401)
    expect(text).not.toContain('acme')
  })

  test('no membership, a foreign organization or an unknown one is 403', async () => {
    const none = await authenticate(gatehouse, { email: 'nobody@example.test' })
    expect(none).toMatchObject({ status: 403, json: { code: 'permission_denied' } })
    const [foreign, unknown] = [
      await authenticate(gatehouse, { organization: 'acme' }),
      await authenticate(gatehouse, { organization: 'No such place' }),
    ]
    expect(foreign).toMatchObject({ status: 403, json: { code: 'permission_denied' } })
    const { request_id: _, ...same } = foreign.json
    expect(unknown.json).toMatchObject(same)
  })

  test('a superadmin may name any organization', async () => {
    // S0-31
    const { access } = await newTokens(gatehouse, { email: 'root@example.test', organization: 'acme' })
    expect((await gatehouse.introspect(access)).json).toMatchObject({ org_slug: 'acme', permissions: ['*'] })
    expect((await authenticate(gatehouse, { email: 'root@example.test' })).json.code).toBe('organization_required')
  })

  test('unknown address, wrong or empty password and deactivated person are alike to the byte', async () => {
    await gatehouse.apply('users: [{ email: nobody@example.test, active: false }]')
    try {
      const answers = await Promise.all([
        authenticate(gatehouse, { email: 'unknown@globex.test' }),
        authenticate(gatehouse, { email: 'unknown@globex.test', organization: 'globex' }),
        authenticate(gatehouse, wrong),
        authenticate(gatehouse, { password: '' }),
        authenticate(gatehouse, { email: 'nobody@example.test' }),
        authenticate(gatehouse, { email: 'ada@acme.test', organization: 'no such', ...wrong }),
      ])
      const [first] = answers
      expect(first).toMatchObject({ status: 401, json: { code: 'authentication_required' } })
      expect(first?.headers['www-authenticate']).toBe('Bearer')
      for (const { status, text, headers } of answers) {
        expect(status).toBe(401)
        expect(text).toBe(first?.text)
        expect(Object.keys(headers)).toEqual(Object.keys(first?.headers ?? {}))
      }
    } finally {
      await gatehouse.apply('users: [{ email: nobody@example.test, active: true }]')
    }
  })

  test('sixty wrong passwords at once in two spellings: ten are looked at', async () => {
    const before = (await logEntries(gatehouse)).length
    const spellings = ['grace@globex.test', ' GRACE@Globex.test']
    const answers = await allAtOnce(60, deployment.ports, (port, n) =>
      authenticate(gatehouse, { email: spellings[n % 2], ...wrong }, { port }),
    )
    const limited = answers.filter(({ status }) => status === 429)
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(10)
    expect(limited).toHaveLength(50)
    for (const { headers, json } of limited) {
      expect(json.code).toBe('too_many_requests')
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    }
    expect((await authenticate(gatehouse)).status).toBe(429)
    const entries = (await logEntries(gatehouse)).slice(before)
    expect(entries.filter(({ reason }) => reason === 'wrong_password')).toHaveLength(10)
    expect(entries.filter(({ reason }) => reason === 'limited')).toHaveLength(51)
  })

  test('behind a full queue is 503, which is no try', async () => {
    const email = 'crowded@acme.test'
    const { headers, json, status } = await behindFullQueue(() => authenticate(gatehouse, { email, ...wrong }))
    expect(status).toBe(503)
    expect(json.code).toBe('temporarily_unavailable')
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    for (let attempt = 0; attempt < 10; attempt++) {
      expect((await authenticate(gatehouse, { email, ...wrong })).status).toBe(401)
    }
    expect((await authenticate(gatehouse, { email, ...wrong })).status).toBe(429)
  })

  test('is in the authentication log', async () => {
    await authenticate(gatehouse, {}, { headers: { 'user-agent': 'logged' } })
    await authenticate(gatehouse, wrong, { headers: { 'user-agent': 'logged' } })
    expect(await logEntries(gatehouse, 'logged')).toMatchObject([
      { outcome: 'accepted', credentialKind: 'password', userEmail: 'grace@globex.test', clientId: 'gatehouse' },
      { outcome: 'refused', credentialKind: 'password', reason: 'wrong_password', clientId: 'gatehouse' },
    ])
  })

  test('each sign-in is a grant: of two that are alike and at once, over all nodes, neither ends with the other', async () => {
    const before = await grants()
    const alike = { headers: { 'user-agent': 'the same program' } }
    const answers = await allAtOnce(8, deployment.ports, (port) => authenticate(gatehouse, {}, { ...alike, port }))
    const [first, second, third] = answers.map(tokensOf)
    expect(await grants()).toBe(before + 8)
    await call(gatehouse, '/v1/auth/refresh', { json: { token: first!.refresh } })
    await forgetKeptAnswers(gatehouse)
    expect((await call(gatehouse, '/v1/auth/refresh', { json: { token: first!.refresh } })).status).toBe(401)
    const headers = { authorization: `Bearer ${second!.access}` }
    expect((await call(gatehouse, '/v1/auth/sign-out', { method: 'POST', headers })).status).toBe(204)
    expect(await isActive(gatehouse, first!.access)).toBe(false)
    expect(await isActive(gatehouse, third!.access)).toBe(true)
    expect((await call(gatehouse, '/v1/auth/refresh', { json: { token: third!.refresh } })).status).toBe(200)
  })

  describe.runIf(database === 'postgres')('when everything happens at once', () => {
    const grace = () =>
      gatehouse.database.db
        .selectFrom('users')
        .select(['id', 'passwordHash'])
        .where('email', '=', 'grace@globex.test')
        .executeTakeFirstOrThrow()

    /** Until that many queries wait for a lock. */
    const waiting = (count: number) =>
      vi.waitUntil(async () => {
        const { rows } = await sql`select from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(gatehouse.database.db)
        return rows.length >= count
      }, 20_000)

    test('a password that is changed meanwhile gives nothing any more', async () => {
      const { id, passwordHash } = await grace()
      const { db } = gatehouse.database
      const { answer } = await db.transaction().execute(async (tx) => {
        const newHash = await hashPassword('quite another password')
        await tx.updateTable('users').set({ passwordHash: newHash }).where('id', '=', id).execute()
        const answer = authenticate(gatehouse)
        await waiting(1)
        await endOtherSessions(tx, id, undefined)
        return { answer }
      })
      expect((await answer).status).toBe(401)
      await db.updateTable('users').set({ passwordHash }).where('id', '=', id).execute()
    })
  })
})

/** As many as hash at once and may wait hash again and again: whatever comes meanwhile finds no room. */
async function behindFullQueue<T>(request: () => Promise<T>): Promise<T> {
  let isDone = false
  const hashUntilDone = async () => {
    while (!isDone) await hashPassword('one of a crowd')
  }
  const crowd = Array.from({ length: availableParallelism() + 64 }, hashUntilDone)
  try {
    return await request()
  } finally {
    isDone = true
    await Promise.all(crowd)
  }
}
