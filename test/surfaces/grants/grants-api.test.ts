import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ask, asker, countAudited, fieldsOf, lastAudited, rightsOf, withCarol } from '#support/access.ts'
import { databases, deployOn } from '#support/api-requests.ts'
import { clientToken } from '#support/credential-requests.ts'
import { type Gatehouse, serviceAccount } from '#support/gatehouse.ts'
import { createKey, type SignedIn, signInTo } from '#support/keys.ts'
import type { Deployment } from '#support/wire.ts'

const acme = '/v1/organizations/acme'
const ofCarol = `${acme}/members/carol@acme.test/grants`
const ofReaders = `${acme}/teams/readers/grants`
const ofAccount = `${acme}/service-accounts/nightly-export/grants`
const nothing = { permissions: [], data_scopes: [] }

describe.each(databases)('grants through the API on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Gatehouse
  let ada: SignedIn
  let carol: SignedIn
  let asAda: Ask
  let asRoot: Ask
  beforeAll(async () => {
    deployment = await deployOn(database, { setup: withCarol })
    gatehouse = deployment.gatehouse
    ada = await signInTo(gatehouse, 'acme')
    carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    asAda = asker(gatehouse, ada)
    asRoot = asker(gatehouse, await signInTo(gatehouse, 'globex', 'root@example.test'))
  })
  afterAll(() => deployment.stop())

  // S0-22, S0-30
  test.each([
    ['a member', ofCarol],
    ['a team', ofReaders],
    ['a service account', ofAccount],
  ])('what %s is given is told in one spelling, and setting it again changes nothing', async (_who, path) => {
    const before = await asAda('GET', path)
    const set = await asAda('PUT', path, {
      permissions: ['reports:read', 'configuration-items:*', 'configuration-items:read', 'reports:read'],
      data_scopes: [
        { source: 'proxmox', scope_id: 'one' },
        { source: 'kubernetes', scope_id: 'b' },
        { source: 'proxmox', scope_id: null },
        { source: 'kubernetes', scope_id: 'a' },
        { source: 'kubernetes', scope_id: 'a' },
      ],
    })
    expect([set.status, set.json]).toEqual([
      200,
      {
        permissions: ['configuration-items:*', 'configuration-items:read', 'reports:read'],
        data_scopes: [
          { source: 'kubernetes', scope_id: 'a' },
          { source: 'kubernetes', scope_id: 'b' },
          { source: 'proxmox', scope_id: null },
        ],
      },
    ])
    const read = await asAda('GET', path)
    expect([read.json, read.headers.etag]).toEqual([set.json, set.headers.etag])
    const audited = await countAudited(gatehouse)
    const again = await asAda('PUT', path, {
      permissions: [...(set.json.permissions as string[])].reverse(),
      data_scopes: set.json.data_scopes,
    })
    expect([again.json, again.headers.etag]).toEqual([set.json, set.headers.etag])
    expect(await countAudited(gatehouse)).toBe(audited)
    await asAda('PUT', path, before.json)
    expect((await asAda('GET', path)).json).toEqual(before.json)
  })

  test('an admin may grant everything in their organization, and everything is in the next answer', async () => {
    const { key } = await createKey(gatehouse, carol)
    const everything = { permissions: ['*'], data_scopes: [{ source: null, scope_id: null }] }
    expect((await asAda('PUT', ofCarol, everything)).json).toEqual(everything)
    for (const token of [carol.token, key]) expect(await rightsOf(gatehouse, token)).toMatchObject(everything)
    // It makes nobody an administrator.
    expect((await asker(gatehouse, carol)('GET', ofCarol)).status).toBe(403)
    expect((await asAda('PUT', ofCarol, nothing)).json).toEqual(nothing)
    for (const token of [carol.token, key]) expect(await rightsOf(gatehouse, token)).toMatchObject(nothing)
    expect(await lastAudited(gatehouse, 2)).toEqual([
      {
        actorName: 'ada@acme.test',
        action: 'member.updated',
        subject: 'member carol@acme.test',
        before: nothing,
        after: everything,
      },
      {
        actorName: 'ada@acme.test',
        action: 'member.updated',
        subject: 'member carol@acme.test',
        before: everything,
        after: nothing,
      },
    ])
  })

  test("a service account's running token has what is granted now", async () => {
    const token = await clientToken(gatehouse.url, {}, serviceAccount)
    const before = (await asAda('GET', ofAccount)).json
    const granted = { permissions: ['reports:read'], data_scopes: [{ source: 'ceph', scope_id: 'one' }] }
    await asAda('PUT', ofAccount, granted)
    expect(await rightsOf(gatehouse, token)).toMatchObject(granted)
    expect((await lastAudited(gatehouse, 1))[0]).toMatchObject({
      action: 'client.updated',
      subject: 'client nightly-export',
      before,
      after: granted,
    })
    await asAda('PUT', ofAccount, before)
  })

  test.each([
    ['an unknown permission', { ...nothing, permissions: ['reports:read', 'reports:burn'] }, ['permissions.1']],
    ['a wildcard of nothing', { ...nothing, permissions: ['nothing:*'] }, ['permissions.0']],
    ['half a name', { ...nothing, permissions: ['report:*'] }, ['permissions.0']],
    ['no permission at all', { ...nothing, permissions: ['Reports Read'] }, ['permissions.0']],
    ['an action of everything', { ...nothing, permissions: ['*:read'] }, ['permissions.0']],
    ['a scope of no source', { ...nothing, data_scopes: [{ source: null, scope_id: 'x' }] }, ['data_scopes.0']],
    ['a scope without its parts', { ...nothing, data_scopes: [{ source: 'x' }] }, ['data_scopes.0.scope_id']],
    ['an unknown field', { ...nothing, admin: true }, ['admin']],
    ['one list alone', { permissions: [] }, ['data_scopes']],
  ])('%s is refused by name', async (_what, json, fields) => {
    for (const path of [ofCarol, ofReaders, ofAccount]) {
      const before = (await asAda('GET', path)).json
      const refused = await asAda('PUT', path, json)
      expect([refused.status, fieldsOf(refused)]).toEqual([422, fields])
      expect((await asAda('GET', path)).json).toEqual(before)
    }
  })

  test('a plain member and a plain key may not, a key for administration may', async () => {
    const keyOf = async (administration: boolean) =>
      asker(gatehouse, {
        token: '',
        headers: { 'x-api-key': (await createKey(gatehouse, ada, { administration })).key },
      })
    const [plain, administering] = [await keyOf(false), await keyOf(true)]
    for (const path of [ofCarol, ofReaders, ofAccount]) {
      const { json } = await plain('GET', path)
      expect((await plain('PUT', path, nothing)).status).toBe(403)
      expect((await asker(gatehouse, carol)('PUT', path, { ...nothing, permissions: ['*'] })).status).toBe(403)
      expect((await administering('PUT', path, json)).status).toBe(200)
    }
  })

  test('another organization’s people, teams and service accounts are not found, and nothing changes', async () => {
    const { id: auditors } = (await asRoot('GET', '/v1/organizations/globex/teams/auditors')).json
    const asGrace = asker(gatehouse, await signInTo(gatehouse, 'globex', 'grace@globex.test'))
    const before = await countAudited(gatehouse)
    for (const [ask, path] of [
      [asAda, `${acme}/members/grace@globex.test/grants`],
      [asAda, `${acme}/teams/${auditors}/grants`],
      [asAda, '/v1/organizations/globex/members/grace@globex.test/grants'],
      [asAda, '/v1/organizations/globex/teams/auditors/grants'],
      [asGrace, '/v1/organizations/globex/service-accounts/nightly-export/grants'],
      // A client that is nobody's service account.
      [asRoot, `${acme}/service-accounts/webapp/grants`],
      [asRoot, `${acme}/service-accounts/inventory-api/grants`],
      [asAda, `${acme}/members/a%00b/grants`],
      [asAda, `${acme}/service-accounts/a%00b/grants`],
    ] as const) {
      for (const [method, json] of [['GET'], ['PUT', nothing], ['PUT', { no_such_field: 1 }]] as const) {
        expect([method, path, (await ask(method, path, json)).status]).toEqual([method, path, 404])
      }
    }
    expect(await countAudited(gatehouse)).toBe(before)
  })

  test('of two who set grants at once by one ETag, one is told to look again', async () => {
    for (let round = 0; round < 5; round++) {
      const { headers } = await asAda('GET', ofReaders)
      const set = (permission: string, port: number) =>
        asAda(
          'PUT',
          ofReaders,
          { permissions: [permission], data_scopes: [{ source: 'round', scope_id: `${round}` }] },
          { port, headers: { 'if-match': String(headers.etag) } },
        )
      const answers = await Promise.all([
        set('reports:read', deployment.ports[0]!),
        set('configuration-items:read', deployment.ports[1]!),
      ])
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 412])
      const won = answers.find(({ status }) => status === 200)?.json
      expect((await asAda('GET', ofReaders)).json).toEqual(won)
      expect((await rightsOf(gatehouse, ada.token)).permissions).toEqual(
        expect.arrayContaining(won?.permissions as string[]),
      )
    }
  })

  test('many sets at once leave what the last one says, to everybody in the team', async () => {
    await asAda('PUT', `${acme}/teams/readers/members/carol@acme.test`)
    const names = ['reports:read', 'configuration-items:read', 'configuration-items:write']
    await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        asAda(
          'PUT',
          n % 3 === 0 ? ofCarol : ofReaders,
          { permissions: [names[n % 3]], data_scopes: [] },
          {
            port: deployment.ports[n % 2]!,
          },
        ),
      ),
    )
    const { permissions: team } = (await asAda('GET', ofReaders)).json as { permissions: string[] }
    const { permissions: own } = (await asAda('GET', ofCarol)).json as { permissions: string[] }
    expect((await rightsOf(gatehouse, carol.token)).permissions).toEqual([...new Set([...team, ...own])].sort())
  })
})
