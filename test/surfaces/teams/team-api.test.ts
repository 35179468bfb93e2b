import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ask, asker, countAudited, fieldsOf, lastAudited, rightsOf, withCarol } from '#support/access.ts'
import { databases, deployOn } from '#support/api-requests.ts'
import type { Gatehouse } from '#support/gatehouse.ts'
import { createKey, type SignedIn, signInTo } from '#support/keys.ts'
import type { Deployment } from '#support/wire.ts'

const teams = '/v1/organizations/acme/teams'

describe.each(databases)('teams through the API on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Gatehouse
  let carol: SignedIn
  let asAda: Ask
  let asCarol: Ask
  let asGrace: Ask
  let asRoot: Ask
  beforeAll(async () => {
    deployment = await deployOn(database, { setup: withCarol })
    gatehouse = deployment.gatehouse
    carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    asAda = asker(gatehouse, await signInTo(gatehouse, 'acme'))
    asCarol = asker(gatehouse, carol)
    asGrace = asker(gatehouse, await signInTo(gatehouse, 'globex', 'grace@globex.test'))
    asRoot = asker(gatehouse, await signInTo(gatehouse, 'globex', 'root@example.test'))
  })
  afterAll(() => deployment.stop())

  const idOf = async (name: string, org = 'acme', ask = asRoot) =>
    String((await ask('GET', `/v1/organizations/${org}/teams/${name}`)).json.id)

  test('an admin makes a team, reads it by id and by name, renames and deletes it', async () => {
    const created = await asAda('POST', teams, { name: 'Operators', permissions: ['reports:read'] })
    expect([created.status, created.json]).toEqual([
      201,
      {
        id: expect.stringMatching(/^team_/),
        name: 'Operators',
        permissions: ['reports:read'],
        data_scopes: [],
        created_at: expect.stringMatching(/^\d{4}-/),
      },
    ])
    const { id } = created.json
    for (const name of [id, 'Operators', 'OPERATORS']) {
      expect((await asAda('GET', `${teams}/${name}`)).json).toEqual(created.json)
    }
    const renamed = await asAda('PATCH', `${teams}/operators`, { name: 'On call' })
    expect(renamed.json).toEqual({ ...created.json, name: 'On call' })
    expect((await asAda('GET', `${teams}/On%20call`)).json.id).toBe(id)
    expect((await asAda('DELETE', `${teams}/${id}`)).status).toBe(204)
    expect((await asAda('GET', `${teams}/${id}`)).status).toBe(404)
    expect(await lastAudited(gatehouse, 3)).toEqual([
      {
        actorName: 'ada@acme.test',
        action: 'team.created',
        subject: 'team Operators',
        before: null,
        after: { name: 'Operators', permissions: ['reports:read'], data_scopes: [] },
      },
      {
        actorName: 'ada@acme.test',
        action: 'team.updated',
        subject: 'team On call',
        before: { name: 'Operators' },
        after: { name: 'On call' },
      },
      {
        actorName: 'ada@acme.test',
        action: 'team.deleted',
        subject: 'team On call',
        before: { name: 'On call', permissions: ['reports:read'], data_scopes: [], members: 0 },
        after: null,
      },
    ])
  })

  test('a name is one team’s in whatever spelling, also when many ask at once', async () => {
    const asked = await Promise.all(
      Array.from({ length: 8 }, (_, n) => asAda('POST', teams, { name: n % 2 === 0 ? 'Sre' : 'sRE' })),
    )
    expect(asked.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(409)])
    const taken = await asAda('PATCH', `${teams}/readers`, { name: 'SRE' })
    expect([taken.status, taken.json.code]).toEqual([409, 'conflict'])
    // Its own in another spelling, and another organization's, are free.
    expect((await asAda('PATCH', `${teams}/sre`, { name: 'SRE' })).json.name).toBe('SRE')
    expect((await asGrace('POST', '/v1/organizations/globex/teams', { name: 'SRE' })).status).toBe(201)
    expect((await asAda('DELETE', `${teams}/SRE`)).status).toBe(204)
  })

  test('lists are newest first, page by page, and have everything once', async () => {
    for (const name of ['one', 'two', 'three']) await asAda('POST', teams, { name })
    const seen: string[] = []
    for (let cursor: unknown = ''; cursor !== null; ) {
      const { json } = await asAda('GET', `${teams}?limit=2${cursor && `&cursor=${cursor}`}`)
      seen.push(...(json.items as { name: string }[]).map(({ name }) => name))
      cursor = json.next_cursor
    }
    expect(seen.slice(0, 3)).toEqual(['three', 'two', 'one'])
    expect(seen.slice(3).sort()).toEqual(['readers', 'writers'])
    for (const name of ['one', 'two', 'three']) {
      await asAda('PUT', `${teams}/${name}/members/carol@acme.test`)
      await asAda('DELETE', `${teams}/${name}`)
    }
  })

  // S0-23, S0-24
  test('who is put into a team has its rights in the next answer, and loses them with it', async () => {
    expect((await rightsOf(gatehouse, carol.token)).permissions).toEqual([])
    const before = await countAudited(gatehouse)
    for (let times = 0; times < 2; times++) {
      expect((await asAda('PUT', `${teams}/Readers/members/CAROL@acme.test`)).status).toBe(204)
      expect(await rightsOf(gatehouse, carol.token)).toMatchObject({
        permissions: ['configuration-items:read'],
        data_scopes: [{ source: 'kubernetes', scope_id: 'prod-cluster' }],
      })
    }
    const { json } = await asAda('GET', `${teams}/readers/members`)
    expect((json.items as { user: { email: string } }[]).map(({ user }) => user.email)).toEqual([
      'carol@acme.test',
      'ada@acme.test',
    ])
    expect((json.items as unknown[])[0]).toEqual({
      user: { id: expect.stringMatching(/^usr_/), email: 'carol@acme.test', name: 'Carol' },
      admin: false,
      active: true,
      created_at: expect.any(String),
    })
    for (let times = 0; times < 2; times++) {
      expect((await asAda('DELETE', `${teams}/readers/members/carol@acme.test`)).status).toBe(204)
      expect((await rightsOf(gatehouse, carol.token)).permissions).toEqual([])
    }
    // What changes nothing is no change.
    expect(await countAudited(gatehouse)).toBe(before + 2)
    expect(await lastAudited(gatehouse, 2)).toMatchObject([
      { action: 'member.joined_team', subject: 'member carol@acme.test', after: { team: { name: 'readers' } } },
      { action: 'member.left_team', subject: 'member carol@acme.test', before: { team: { name: 'readers' } } },
    ])
  })

  test('a deleted team gives nothing any more', async () => {
    await asAda('POST', teams, { name: 'passing', permissions: ['reports:read'] })
    await asAda('PUT', `${teams}/passing/members/carol@acme.test`)
    expect((await rightsOf(gatehouse, carol.token)).permissions).toEqual(['reports:read'])
    expect((await asAda('DELETE', `${teams}/passing`)).status).toBe(204)
    expect((await rightsOf(gatehouse, carol.token)).permissions).toEqual([])
  })

  test('a plain member and a plain key may not, a key for administration may', async () => {
    const ada = await signInTo(gatehouse, 'acme')
    const plain = { token: '', headers: { 'x-api-key': (await createKey(gatehouse, ada)).key } }
    const administering = {
      token: '',
      headers: { 'x-api-key': (await createKey(gatehouse, ada, { administration: true })).key },
    }
    for (const ask of [asCarol, asker(gatehouse, plain)]) {
      expect((await ask('POST', teams, { name: 'mine' })).status).toBe(403)
      expect((await ask('PUT', `${teams}/readers/members/carol@acme.test`)).status).toBe(403)
      expect((await ask('DELETE', `${teams}/readers`)).status).toBe(403)
    }
    expect((await asCarol('GET', teams)).status).toBe(403)
    expect((await asker(gatehouse, plain)('GET', teams)).status).toBe(200)
    const byKey = asker(gatehouse, administering)
    expect((await byKey('POST', teams, { name: 'by key' })).status).toBe(201)
    expect((await byKey('DELETE', `${teams}/by%20key`)).status).toBe(204)
  })

  test('another organization’s team, person and organization are not found, and nothing changes', async () => {
    const auditors = await idOf('auditors', 'globex')
    const readers = await idOf('readers')
    const grace = (await asRoot('GET', '/v1/organizations/globex/teams/auditors/members')).json
    expect(grace).toBeDefined()
    const before = await countAudited(gatehouse)
    const strangers = (await gatehouse.database.db
      .selectFrom('users')
      .select('id')
      .where('email', '=', 'grace@globex.test')
      .executeTakeFirstOrThrow())!.id
    for (const [method, path, json] of [
      ['GET', `${teams}/${auditors}`],
      ['PATCH', `${teams}/${auditors}`, { name: 'mine' }],
      ['PATCH', `${teams}/${auditors}`, { no_such_field: 1 }],
      ['DELETE', `${teams}/${auditors}`],
      ['GET', `${teams}/${auditors}/members`],
      ['PUT', `${teams}/${auditors}/members/ada@acme.test`],
      ['DELETE', `${teams}/${auditors}/members/ada@acme.test`],
      ['PUT', `${teams}/readers/members/${strangers}`],
      ['PUT', `${teams}/readers/members/grace@globex.test`],
      ['DELETE', `${teams}/readers/members/grace@globex.test`],
      ['GET', '/v1/organizations/globex/teams'],
      ['POST', '/v1/organizations/globex/teams', { name: 'mine' }],
      ['DELETE', `/v1/organizations/globex/teams/${readers}`],
      ['GET', `${teams}/a%00b`],
    ] as const) {
      const { status, text } = await asAda(method, path, json)
      expect([method, path, status, text.includes('not_found')]).toEqual([method, path, 404, true])
    }
    expect(await countAudited(gatehouse)).toBe(before)
    // A superadmin manages every organization.
    expect((await asRoot('GET', teams)).status).toBe(200)
  })

  test.each([
    ['no name', {}, ['name']],
    ['an empty name', { name: ' ' }, ['name']],
    ['a control character', { name: 'a\u0007b' }, ['name']],
    ['an unknown field', { name: 'x', id: 'team_1' }, ['id']],
    ['a permission that is none', { name: 'x', permissions: ['reports:read', 'reports:burn'] }, ['permissions.1']],
    ['a scope of no source', { name: 'x', data_scopes: [{ source: null, scope_id: 'y' }] }, ['data_scopes.0']],
  ])('%s is refused by name', async (_what, json, fields) => {
    const refused = await asAda('POST', teams, json)
    expect([refused.status, fieldsOf(refused)]).toEqual([422, fields])
  })

  test('an edit by an older ETag is refused; one that changes nothing leaves it', async () => {
    await asAda('POST', teams, { name: 'tagged' })
    const read = await asAda('GET', `${teams}/tagged`)
    const etag = String(read.headers.etag)
    const same = await asAda('PATCH', `${teams}/tagged`, { name: 'tagged' }, { headers: { 'if-match': etag } })
    expect([same.status, same.headers.etag]).toEqual([200, etag])
    const renamed = await asAda('PATCH', `${teams}/tagged`, { name: 'Tagged' }, { headers: { 'if-match': etag } })
    expect([renamed.status, renamed.headers.etag === etag]).toEqual([200, false])
    const late = await asAda('DELETE', `${teams}/tagged`, undefined, { headers: { 'if-match': etag } })
    expect(late.status).toBe(412)
    expect((await asAda('DELETE', `${teams}/tagged`)).status).toBe(204)
  })

  test('a team that is deleted while members come leaves nobody with its rights', async () => {
    for (let round = 0; round < 10; round++) {
      await asAda('POST', teams, { name: 'racing', permissions: ['reports:read'] })
      const [deleted, ...joined] = await Promise.all([
        asAda('DELETE', `${teams}/racing`),
        asAda('PUT', `${teams}/racing/members/carol@acme.test`, undefined, { port: deployment.ports[1]! }),
        asAda('PUT', `${teams}/racing/members/ada@acme.test`, undefined, { port: deployment.ports[1]! }),
      ])
      expect(deleted.status).toBe(204)
      for (const { status } of joined) expect([204, 404]).toContain(status)
      expect((await rightsOf(gatehouse, carol.token)).permissions).toEqual([])
    }
  })
})
