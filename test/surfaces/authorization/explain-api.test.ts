import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { coversScope, type DataScope } from '#foundation/values/data-scope.ts'
import { covers } from '#foundation/values/permission.ts'
import { type Ask, asker, countAudited, fieldsOf, rightsOf, withCarol } from '#support/access.ts'
import { databases, deployOn } from '#support/api-requests.ts'
import { clientToken } from '#support/credential-requests.ts'
import { type Gatehouse, serviceAccount } from '#support/gatehouse.ts'
import { type SignedIn, signInTo } from '#support/keys.ts'
import { randomGrants, randomly } from '#support/random-grants.ts'
import { addSecondAdmin } from '#support/second-admin.ts'
import type { Deployment } from '#support/wire.ts'

const acme = '/v1/organizations/acme'

describe.each(databases)('explaining rights on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Gatehouse
  let carol: SignedIn
  let asAda: Ask
  let asCarol: Ask
  let asRoot: Ask
  beforeAll(async () => {
    deployment = await deployOn(database, { setup: withCarol })
    gatehouse = deployment.gatehouse
    await addSecondAdmin(gatehouse)
    carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    asAda = asker(gatehouse, await signInTo(gatehouse, 'acme'))
    asCarol = asker(gatehouse, carol)
    asRoot = asker(gatehouse, await signInTo(gatehouse, 'globex', 'root@example.test'))
  })
  afterAll(() => deployment.stop())

  const explain = (ask: Ask, asked: Record<string, string>) =>
    ask('GET', `/v1/authorization/explain?${new URLSearchParams(asked)}`)
  const team = (name: string) => ({ id: expect.stringMatching(/^team_/), name })

  test('names every grant that gives it, and the team that it comes from', async () => {
    const { status, json } = await explain(asAda, {
      user: 'ADA@acme.test',
      permission: 'configuration-items:read',
      source: 'kubernetes',
      scope_id: 'prod-cluster',
    })
    expect([status, json]).toEqual([
      200,
      {
        allowed: true,
        because: [
          {
            kind: 'team',
            team: team('readers'),
            grant: 'configuration-items:read',
            permission: 'configuration-items:read',
          },
          {
            kind: 'team',
            team: team('readers'),
            grant: 'kubernetes: prod-cluster',
            data_scope: { source: 'kubernetes', scope_id: 'prod-cluster' },
          },
        ],
        missing: [],
      },
    ])
    const direct = await explain(asAda, { user: 'ada@acme.test', source: 'proxmox', scope_id: 'one' })
    expect(direct.json).toEqual({
      allowed: true,
      because: [{ kind: 'direct', grant: 'All of proxmox', data_scope: { source: 'proxmox', scope_id: null } }],
      missing: [],
    })
  })

  test('says what is missing, and what is there of it', async () => {
    const half = await explain(asAda, {
      user: 'ada@acme.test',
      permission: 'configuration-items:write',
      source: 'kubernetes',
    })
    expect(half.json).toMatchObject({
      allowed: false,
      because: [{ kind: 'team', team: team('writers'), grant: 'configuration-items:write' }],
      missing: [{ source: 'kubernetes', scope_id: null }],
    })
    const none = await explain(asCarol, { permission: 'reports:read' })
    expect(none.json).toEqual({ allowed: false, because: [], missing: [{ permission: 'reports:read' }] })
    expect((await explain(asAda, { user: 'ada@acme.test', source: '*' })).json).toMatchObject({
      allowed: false,
      missing: [{ source: null, scope_id: null }],
    })
  })

  // S0-31
  test('a superadmin may everywhere, and a member superadmin for their grants too', async () => {
    for (const organization of ['acme', 'globex']) {
      expect((await explain(asRoot, { permission: 'reports:read', organization })).json).toEqual({
        allowed: true,
        because: [{ kind: 'superadmin', grant: '*', permission: '*' }],
        missing: [],
      })
    }
  })

  test('says why nothing of theirs works: switched off, no member, suspended', async () => {
    const asked = { organization: 'acme', user: 'carol@acme.test', permission: 'reports:read' }
    await asAda('PUT', `${acme}/members/carol@acme.test/grants`, { permissions: ['reports:read'], data_scopes: [] })
    const switches = [
      [
        'membership_deactivated',
        (on: boolean) =>
          `organizations: [{ slug: acme, members: [{ email: carol@acme.test, permissions: ["reports:read"], active: ${on} }] }]`,
      ],
      ['user_deactivated', (on: boolean) => `users: [{ email: carol@acme.test, active: ${on} }]`],
      ['organization_suspended', (on: boolean) => `organizations: [{ slug: acme, active: ${on} }]`],
    ] as const
    for (const [reason, change] of switches) {
      await gatehouse.apply(change(false))
      expect((await explain(asRoot, asked)).json).toEqual({ allowed: false, because: [], missing: [{ reason }] })
      await gatehouse.apply(change(true))
      expect((await explain(asRoot, asked)).json).toMatchObject({ allowed: true, missing: [] })
    }
    expect((await explain(asRoot, { ...asked, organization: 'globex' })).json).toEqual({
      allowed: false,
      because: [],
      missing: [{ reason: 'no_membership' }, { permission: 'reports:read' }],
    })
    await gatehouse.apply(withCarol)
    asAda = asker(gatehouse, await signInTo(gatehouse, 'acme'))
    carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    asCarol = asker(gatehouse, carol)
  })

  test('everybody asks about themselves, administrators about their own people and accounts', async () => {
    const permission = 'reports:read'
    const before = await countAudited(gatehouse)
    const asGrace = asker(gatehouse, await signInTo(gatehouse, 'globex', 'grace@globex.test'))
    for (const [ask, asked, status] of [
      [asCarol, {}, 200],
      [asCarol, { user: 'Carol@acme.test' }, 200],
      [asCarol, { user: 'ada@acme.test' }, 403],
      [asCarol, { client_id: 'nightly-export' }, 403],
      [asCarol, { organization: 'globex' }, 404],
      [asAda, { user: 'carol@acme.test' }, 200],
      [asAda, { client_id: 'nightly-export' }, 200],
      [asAda, { user: 'grace@globex.test' }, 404],
      [asAda, { user: 'a\0b' }, 404],
      [asAda, { organization: 'globex', user: 'grace@globex.test' }, 404],
      [asAda, { client_id: 'webapp' }, 404],
      [asGrace, { client_id: 'nightly-export' }, 404],
      [asGrace, { user: 'carol@acme.test' }, 404],
      [asRoot, { organization: 'acme', client_id: 'nightly-export' }, 200],
      [asRoot, { organization: 'acme', user: 'nobody@nowhere.test' }, 404],
    ] as const) {
      const answer = await explain(ask, { permission, ...(asked as Record<string, string>) })
      expect([asked, answer.status]).toEqual([asked, status])
    }
    expect(await countAudited(gatehouse)).toBe(before)
  })

  test.each([
    ['nothing', {}, ['permission']],
    ['a scope of no source', { permission: 'a:b', scope_id: 'x' }, ['scope_id']],
    ['a scope of every source', { source: '*', scope_id: 'x' }, ['scope_id']],
    ['somebody and something', { permission: 'a:b', user: 'a@b.test', client_id: 'x' }, ['client_id']],
    ['what is no permission', { permission: 'A B' }, ['permission']],
    ['an unknown parameter', { permission: 'a:b', team: 'readers' }, ['team']],
  ])('%s is refused by name', async (_what, asked, fields) => {
    const refused = await explain(asAda, asked as Record<string, string>)
    expect([refused.status, fieldsOf(refused)]).toEqual([422, fields])
  })

  test('allows what introspection says, whatever is granted', async () => {
    const random = randomly(20_261)
    const account = await clientToken(gatehouse.url, {}, serviceAccount)
    const { permissions: names } = randomGrants
    for (let round = 0; round < 25; round++) {
      const places = [
        `${acme}/members/carol@acme.test`,
        `${acme}/teams/readers`,
        `${acme}/teams/writers`,
        `${acme}/service-accounts/nightly-export`,
      ]
      for (const place of places) await asAda('PUT', `${place}/grants`, random.grants())
      for (const name of ['readers', 'writers']) {
        await asAda(random.chance() ? 'PUT' : 'DELETE', `${acme}/teams/${name}/members/carol@acme.test`)
      }
      for (const [who, token] of [
        [{ user: 'carol@acme.test' }, carol.token],
        [{ client_id: 'nightly-export' }, account],
      ] as const) {
        const held = await rightsOf(gatehouse, token)
        const permission = random.oneOf(names)
        const scope = random.oneOf(randomGrants.scopes)
        const may = held.permissions.some((one) => covers(one, permission))
        const sees = held.data_scopes.some((one) => coversScope(one, scope))
        const asked = { ...who, permission, ...inQuery(scope) }
        const { json } = await explain(asAda, asked as Record<string, string>)
        expect([round, asked, json.allowed]).toEqual([round, asked, may && sees])
        const because = json.because as { permission?: string; data_scope?: DataScope }[]
        expect(because.some((one) => one.permission !== undefined)).toBe(may)
        expect(because.some((one) => one.data_scope !== undefined)).toBe(sees)
        expect(json.missing).toEqual([...(may ? [] : [{ permission }]), ...(sees ? [] : [scope])])
      }
    }
  })
})

function inQuery({ source, scope_id }: DataScope) {
  return { source: source ?? '*', ...(scope_id !== null && { scope_id }) }
}
