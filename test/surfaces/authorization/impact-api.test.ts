import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noteClientUses } from '#credentials/log/last-uses.ts'
import { coversScope } from '#foundation/values/data-scope.ts'
import { covers } from '#foundation/values/permission.ts'
import { type Ask, asker, countAudited, fieldsOf, rightsOf, withCarol } from '#support/access.ts'
import { databases, deployOn } from '#support/api-requests.ts'
import { clientToken } from '#support/credential-requests.ts'
import { type Gatehouse, serviceAccount } from '#support/gatehouse.ts'
import { createKey, deleteAllKeys, signInTo } from '#support/keys.ts'
import { randomGrants, randomly } from '#support/random-grants.ts'
import { addSecondAdmin } from '#support/second-admin.ts'
import type { Deployment } from '#support/wire.ts'

const acme = '/v1/organizations/acme'
const member = `${acme}/members/carol@acme.test`

/** Switching on again takes a word. */
const everythingOn = withCarol
  .replace('  - slug: acme\n', '$&    active: true\n')
  .replace('- { email: carol@acme.test }', '- { email: carol@acme.test, active: true }')

type Rights = Awaited<ReturnType<typeof rightsOf>>

type Random = ReturnType<typeof randomly>

/** A change that is asked about, and then made. */
interface Foretold {
  asked: Record<string, string>
  change: () => Promise<unknown>
}

interface Lost {
  permissions: string[]
  data_scopes: Rights['data_scopes']
}

interface Impact {
  people: (Lost & { user: { email: string } })[]
  api_keys: (Lost & { id: string; name: string; user: { email: string }; last_used_at: string | null })[]
  service_accounts: (Lost & { client_id: string; last_used_at: string | null })[]
  counts: { people: number; api_keys: number; service_accounts: number }
}

describe.each(databases)('the impact of a change on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Gatehouse
  let asAda: Ask
  let asRoot: Ask
  beforeAll(async () => {
    deployment = await deployOn(database, { setup: withCarol })
    gatehouse = deployment.gatehouse
    await addSecondAdmin(gatehouse)
    asAda = asker(gatehouse, await signInTo(gatehouse, 'acme'))
    asRoot = asker(gatehouse, await signInTo(gatehouse, 'globex', 'root@example.test'))
  })
  afterAll(() => deployment.stop())

  const ask = (by: Ask, asked: Record<string, string>) =>
    by('GET', `/v1/authorization/impact?${new URLSearchParams(asked)}`)
  const impactOf = async (asked: Record<string, string>) => {
    const { status, json, text } = await ask(asRoot, { organization: 'acme', ...asked })
    expect([status, text]).toEqual([200, text])
    return json as unknown as Impact
  }

  test('names who would lose what, with the last use of each key, and changes nothing', async () => {
    await asAda('PUT', `${acme}/teams/readers/members/carol@acme.test`)
    const carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    const used = await createKey(gatehouse, carol, { name: 'used' })
    await createKey(gatehouse, carol, { name: 'elsewhere', permissions: ['reports:read'], data_scopes: [] })
    await createKey(gatehouse, carol, { name: 'half', permissions: ['configuration-items:read'], data_scopes: [] })
    const before = await rightsOf(gatehouse, used.key)
    const audited = await countAudited(gatehouse)
    const impact = await impactOf({ change: 'team_member_removed', team: 'readers', user: 'carol@acme.test' })
    const user = { id: expect.stringMatching(/^usr_/), email: 'carol@acme.test', name: 'Carol' }
    const lost = {
      permissions: ['configuration-items:read'],
      data_scopes: [{ source: 'kubernetes', scope_id: 'prod-cluster' }],
    }
    expect(impact.people).toEqual([{ user, ...lost }])
    expect(impact.api_keys.sort((one, other) => (one.name < other.name ? -1 : 1))).toEqual([
      { id: expect.any(String), name: 'half', user, ...lost, data_scopes: [], last_used_at: null },
      { id: used.id, name: 'used', user, ...lost, last_used_at: expect.stringMatching(/^\d{4}-/) },
    ])
    expect(impact).toMatchObject({ service_accounts: [], counts: { people: 1, api_keys: 2, service_accounts: 0 } })
    expect(await rightsOf(gatehouse, used.key)).toEqual(before)
    expect(await countAudited(gatehouse)).toBe(audited)
    await asAda('DELETE', `${acme}/teams/readers/members/carol@acme.test`)
    await deleteAllKeys(gatehouse)
  })

  test('a suspended organization ends its service accounts too, with their last use', async () => {
    const unused = (await impactOf({ change: 'organization_suspended' })).service_accounts
    expect(unused).toEqual([
      {
        client_id: 'nightly-export',
        permissions: ['configuration-items:read'],
        data_scopes: [{ source: 'ceph', scope_id: null }],
        last_used_at: null,
      },
    ])
    await gatehouse.introspect(await clientToken(gatehouse.url, {}, serviceAccount))
    await noteClientUses(gatehouse.database.db)
    const { service_accounts: accounts, counts } = await impactOf({ change: 'organization_suspended' })
    expect(accounts[0]?.last_used_at).toMatch(/^\d{4}-/)
    expect(counts).toMatchObject({ service_accounts: 1 })
  })

  test('only administrators ask, about their own organization', async () => {
    const asCarol = asker(gatehouse, await signInTo(gatehouse, 'acme', 'carol@acme.test'))
    const auditors = String((await asRoot('GET', '/v1/organizations/globex/teams/auditors')).json.id)
    for (const [by, asked, status] of [
      [asCarol, { change: 'team_deleted', team: 'readers' }, 403],
      [asAda, { change: 'team_deleted', team: 'readers' }, 200],
      [asAda, { change: 'team_deleted', team: auditors }, 404],
      [asAda, { change: 'team_deleted', team: 'auditors', organization: 'globex' }, 404],
      [asAda, { change: 'member_removed', user: 'grace@globex.test' }, 404],
      [asAda, { change: 'team_member_removed', team: 'readers', user: 'grace@globex.test' }, 404],
      [asAda, { change: 'organization_suspended', organization: 'globex' }, 404],
      [asRoot, { change: 'organization_suspended', organization: 'acme' }, 200],
    ] as const) {
      expect([asked, (await ask(by, asked as Record<string, string>)).status]).toEqual([asked, status])
    }
  })

  test.each([
    ['no change', {}, ['change']],
    ['another change', { change: 'everything' }, ['change']],
    ['nobody', { change: 'member_removed' }, ['user']],
    ['no team', { change: 'team_deleted' }, ['team']],
    ['no grant', { change: 'team_grant_removed', team: 'readers' }, ['permission']],
    ['what it is not about', { change: 'team_deleted', team: 'readers', user: 'ada@acme.test' }, ['user']],
    ['a grant that it is not about', { change: 'team_deleted', team: 'readers', source: 'x' }, ['source']],
    [
      'a scope of no source',
      { change: 'team_grant_removed', team: 'readers', permission: 'a:b', scope_id: 'x' },
      ['scope_id'],
    ],
  ])('%s is refused by name', async (_what, asked, fields) => {
    const refused = await ask(asAda, asked as Record<string, string>)
    expect([refused.status, fieldsOf(refused)]).toEqual([422, fields])
  })

  /** Random grants, everybody's rights and keys before and after, and what was foretold. */
  async function compare(random: Random, make: (random: Random) => Foretold) {
    await gatehouse.apply(everythingOn)
    const ada = await signInTo(gatehouse, 'acme')
    asAda = asker(gatehouse, ada)
    await asAda('POST', `${acme}/teams`, { name: 'passing' })
    for (const place of [member, `${acme}/members/ada@acme.test`, `${acme}/teams/readers`, `${acme}/teams/passing`]) {
      await asAda('PUT', `${place}/grants`, random.grants())
    }
    await asAda('PUT', `${acme}/teams/passing/members/carol@acme.test`)
    await asAda('PUT', `${acme}/teams/passing/members/ada@acme.test`)
    await asAda(random.chance() ? 'PUT' : 'DELETE', `${acme}/teams/readers/members/carol@acme.test`)
    const carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    await deleteAllKeys(gatehouse)
    const keys = [
      await createKey(gatehouse, carol),
      await createKey(gatehouse, carol, {
        permissions: ['configuration-items:read'],
        data_scopes: [randomGrants.scopes[0]],
      }),
      await createKey(gatehouse, ada, { permissions: ['reports:read'] }),
    ]
    const people = [
      { name: 'carol@acme.test', token: carol.token },
      { name: 'ada@acme.test', token: ada.token },
    ]
    const credentials = [...people, ...keys.map(({ id, key }) => ({ name: id, token: key }))]
    const observe = () => Promise.all(credentials.map(({ token }) => rightsOf(gatehouse, token)))

    const before = await observe()
    const { asked, change } = make(random)
    const impact = await impactOf(asked)
    await change()
    const after = await observe()
    const lost = credentials.flatMap(({ name }, index) => differenceOf(name, before[index]!, after[index]!))
    const told = [
      ...impact.people.map(({ user, ...rest }) => lossOf(user.email, rest)),
      ...impact.api_keys.map(({ id, ...rest }) => lossOf(id, rest)),
    ].filter(({ name }) => credentials.some((one) => one.name === name))
    const byName = (one: { name: string }, other: { name: string }) => (one.name < other.name ? -1 : 1)
    expect({ asked, told: told.sort(byName) }).toEqual({ asked, told: lost.sort(byName) })
    await asRoot('DELETE', `${acme}/teams/passing`)
  }

  const changes = {
    member_grant_removed: (random: Random) =>
      grantChange(random, `${member}/grants`, { change: 'member_grant_removed', user: 'carol@acme.test' }),
    team_grant_removed: (random: Random) =>
      grantChange(random, `${acme}/teams/passing/grants`, { change: 'team_grant_removed', team: 'Passing' }),
    team_member_removed: () => ({
      asked: { change: 'team_member_removed', team: 'passing', user: 'carol@acme.test' },
      change: () => asAda('DELETE', `${acme}/teams/passing/members/carol@acme.test`),
    }),
    team_deleted: () => ({
      asked: { change: 'team_deleted', team: 'passing' },
      change: () => asAda('DELETE', `${acme}/teams/passing`),
    }),
    member_deactivated: () => ({
      asked: { change: 'member_deactivated', user: 'carol@acme.test' },
      change: () => asAda('PATCH', member, { active: false }),
    }),
    member_removed: () => ({
      asked: { change: 'member_removed', user: 'carol@acme.test' },
      change: () => asAda('DELETE', member),
    }),
    organization_suspended: () => ({
      asked: { change: 'organization_suspended' },
      change: () => gatehouse.apply('organizations: [{ slug: acme, active: false }]'),
    }),
  }

  test.each(Object.entries(changes))(
    '%s is told as the difference that it really makes, whatever is granted',
    async (_name, make) => {
      const random = randomly(12)
      for (let round = 0; round < 3; round++) await compare(random, make)
    },
  )

  function grantChange(random: Random, path: string, asked: Record<string, string>) {
    const permission = random.oneOf(randomGrants.permissions)
    const scope = random.oneOf(randomGrants.scopes)
    const { source, scope_id: id } = scope
    return {
      asked: { ...asked, permission, source: source ?? '*', ...(id !== null && { scope_id: id }) },
      change: async () => {
        const { json } = await asAda('GET', path)
        return asAda('PUT', path, {
          permissions: (json.permissions as string[]).filter((one) => one !== permission),
          data_scopes: (json.data_scopes as Rights['data_scopes']).filter(
            (one) => one.source !== source || one.scope_id !== id,
          ),
        })
      },
    }
  }
})

/** Nothing, where nothing is lost; a credential that died has lost all that it had, also where that was nothing. */
function differenceOf(name: string, before: Rights, after: Rights) {
  const lost = {
    permissions: before.permissions.filter((one) => !after.permissions.some((other) => covers(other, one))),
    data_scopes: before.data_scopes.filter((one) => !after.data_scopes.some((other) => coversScope(other, one))),
  }
  const died = before.active && !after.active
  return died || lost.permissions.length + lost.data_scopes.length > 0 ? [lossOf(name, lost)] : []
}

function lossOf(name: string, { permissions, data_scopes }: Lost) {
  return { name, permissions, data_scopes }
}
