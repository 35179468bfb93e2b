import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { applySetup } from '#authentication/setup/apply-setup.ts'
import type { Change } from '#authentication/setup/changes.ts'
import { planSetup } from '#authentication/setup/plan-setup.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { newTokens } from '#support/api-requests.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'
import { setup as everybody, startAnotherNode, startGatehouse } from '#support/gatehouse.ts'
import { parseSetupFile } from '#surfaces/setup/setup-file.ts'

const keys = [randomBytes(32)]
const partsWith = (encryptionKeys: readonly Buffer[]) => ({
  encryption: encryptionWith(encryptionKeys),
  outboundAllowedHosts: ['idp.test:8080'],
})
const parts = partsWith(keys)
const setupOf = (text: string) => parseSetupFile(text, 'gatehouse.yaml', { OKTA_SECRET: 'secret-of-okta' })
const apply = async (db: Queryable, text: string, more = parts) =>
  (await applySetup(db, setupOf(text), { actor: { system: 'setup_file', name: 'apply' }, ...more })).changes
const plan = async (db: Queryable, text: string) => (await planSetup(db, setupOf(text), parts)).changes
const lines = (changes: Change[]) => changes.map(({ action, subject }) => `${action} ${subject}`)

/** Acme with a connection that has everything, and one for everybody. */
const full = `
organizations:
  - slug: acme
    teams: [{ name: readers }, { name: Writers }]
    connections:
      - { name: acme-okta, type: oidc, issuer: https://idp.test, client_id: a, client_secret_env: OKTA_SECRET, jit: true,
          default_teams: [readers], group_claim: groups, group_teams: { sre: writers }, sign_out: true }
connections:
  - { name: github, type: github, display_name: GitHub of the house, client_id: b, client_secret: secret-of-github }
`

describe.each(availableDatabases())('connections of a setup file on %s', (kind) => {
  let store: OpenTestDatabase
  let db: Queryable
  beforeAll(async () => {
    store = await openTestDatabase(kind)
    db = store.db
  })
  afterAll(() => store.close())

  const connections = () => db.selectFrom('connections').selectAll().orderBy('name').execute()
  const connection = (name: string) =>
    db.selectFrom('connections').selectAll().where('name', '=', name).executeTakeFirst()

  test('are planned, applied, and found in place the second time', async () => {
    const planned = await plan(db, full)
    expect(await connections()).toEqual([])
    expect(await apply(db, full)).toEqual(planned)
    expect(lines(planned)).toEqual([
      'create organization acme',
      'create team acme/readers',
      'create team acme/Writers',
      'create connection acme/acme-okta',
      'create connection github',
    ])
    const teams = await db.selectFrom('teams').select(['id', 'name']).execute()
    const idOf = (name: string) => teams.find((team) => team.name === name)?.id
    expect(await connection('acme-okta')).toMatchObject({
      type: 'oidc',
      issuer: 'https://idp.test',
      clientId: 'a',
      jit: true,
      defaultTeamIds: [idOf('readers')],
      groupClaim: 'groups',
      groupTeamIds: { sre: idOf('Writers') },
      required: false,
      signOut: true,
      enabled: true,
    })
    const github = await connection('github')
    expect(github).toMatchObject({ organizationId: null, displayName: 'GitHub of the house', jit: true })
    expect(parts.encryption.decrypt(github!.clientSecret!)).toBe('secret-of-github')

    const before = await connections()
    expect(await apply(db, full)).toEqual([])
    expect(await plan(db, full)).toEqual([])
    // The very same rows: the secret was not encrypted anew.
    expect(await connections()).toEqual(before)
  })

  test('a new secret is written and told, and neither is shown', async () => {
    await apply(db, full)
    const changes = await apply(db, full.replace('secret-of-github', 'another-secret'))
    expect(changes).toEqual([
      {
        action: 'update',
        subject: 'connection github',
        before: { client_secret: 'set' },
        after: { client_secret: 'replaced' },
      },
    ])
    expect(parts.encryption.decrypt((await connection('github'))!.clientSecret!)).toBe('another-secret')
    const told = JSON.stringify([changes, await db.selectFrom('auditLog').selectAll().execute()])
    expect(told).not.toMatch(/secret-of|another-secret/)
  })

  test('a secret that no key opens any more is written again', async () => {
    await apply(db, full)
    const other = randomBytes(32)
    const replaced = partsWith([other])
    expect(lines(await apply(db, full, replaced))).toEqual([
      'update connection acme/acme-okta',
      'update connection github',
    ])
    expect(await apply(db, full, replaced)).toEqual([])
    // A new key in front of the old one is no reason.
    expect(await apply(db, full, partsWith([randomBytes(32), other]))).toEqual([])
    await apply(db, full)
  })

  test('the file owns the lists that it has, and no other', async () => {
    await apply(db, full)
    await apply(db, 'organizations: [{ slug: acme, name: Acme }]')
    expect(await connections()).toHaveLength(2)
    expect(lines(await apply(db, 'organizations: [{ slug: acme, connections: [] }]'))).toEqual([
      'delete connection acme/acme-okta',
    ])
    expect(lines(await apply(db, 'connections: []'))).toEqual(['delete connection github'])
    expect(await connections()).toEqual([])
  })

  test('what an entry leaves out is as if it had never been said', async () => {
    await apply(db, full)
    const bare = `
organizations:
  - slug: acme
    connections: [{ name: acme-okta, type: oidc, issuer: https://idp.test, client_id: a, client_secret_env: OKTA_SECRET }]
`
    expect(await apply(db, bare)).toEqual([
      {
        action: 'update',
        subject: 'connection acme/acme-okta',
        before: { default_teams: ['readers'], group_claim: 'groups', group_teams: { sre: 'Writers' }, sign_out: true },
        after: { default_teams: [], group_claim: null, group_teams: {}, sign_out: false },
      },
    ])
  })

  test('a team that was deleted and made again is named again', async () => {
    await apply(db, full)
    await apply(db, 'organizations: [{ slug: acme, teams: [] }]')
    expect(lines(await apply(db, full))).toEqual([
      'create team acme/readers',
      'create team acme/Writers',
      'update connection acme/acme-okta',
    ])
    expect(await apply(db, full)).toEqual([])
  })

  test('who came through it stays with it, and goes when it goes to another owner', async () => {
    await apply(db, full)
    const okta = (await connection('acme-okta'))!
    const userId = newId('user')
    await db
      .insertInto('users')
      .values({
        id: userId,
        email: `${userId}@acme.test`,
        name: 'Ada',
        passwordHash: null,
        emailVerifiedAt: null,
        deactivatedAt: null,
      })
      .execute()
    await db
      .insertInto('identities')
      .values({
        id: newId('identity'),
        connectionId: okta.id,
        issuer: 'https://idp.test',
        subject: '1',
        userId,
        email: null,
      })
      .execute()
    const identities = () => db.selectFrom('identities').select('connectionId').where('userId', '=', userId).execute()
    await apply(db, full.replace('https://idp.test', 'https://elsewhere.test'))
    expect(await identities()).toEqual([{ connectionId: okta.id }])

    const entry = '{ name: acme-okta, type: oidc, issuer: https://idp.test, client_id: a }'
    const moved = `organizations: [{ slug: acme, connections: [] }, { slug: globex, connections: [${entry}] }]`
    expect(lines(await apply(db, moved))).toEqual([
      'delete connection acme/acme-okta',
      'create organization globex',
      'create connection globex/acme-okta',
    ])
    expect(await identities()).toEqual([])
    await apply(db, 'organizations: [{ slug: globex, connections: [] }]')
  })

  describe('is refused with its line, and nothing is applied,', () => {
    beforeAll(async () => {
      await apply(db, full)
    })
    const entry = (more: string) => `{ name: x, type: oidc, client_id: a, ${more} }`
    test.each([
      [
        'a team of another organization',
        `organizations:\n  - slug: other\n    connections:\n      - ${entry('issuer: https://idp.test, default_teams: [readers]')}`,
        '4:88 organizations[0].connections[0].default_teams[0]: organization other has no team "readers"',
      ],
      [
        'a team that the file removes',
        `organizations:\n  - slug: acme\n    teams: []\n    connections:\n      - ${entry('issuer: https://idp.test, default_teams: [readers]')}`,
        '5:88 organizations[0].connections[0].default_teams[0]: organization acme has no team "readers"',
      ],
      [
        'an issuer without https',
        `connections:\n  - ${entry('issuer: http://idp.test')}`,
        '2:50 connections[0].issuer: must be an https URL',
      ],
    ])('%s', async (_what, text, message) => {
      const before = await connections()
      await expect(apply(db, text)).rejects.toThrow(`gatehouse.yaml:${message}`)
      await expect(plan(db, text)).rejects.toThrow(`gatehouse.yaml:${message}`)
      expect(await connections()).toEqual(before)
    })

    test('but not a name that another owner has: who comes later comes back by id', async () => {
      const text = `organizations: [{ slug: other, connections: [${entry('issuer: https://idp.test').replace('x', 'github')}] }]`
      expect(lines(await apply(db, text))).toContain('create connection other/github')
      const both = await db
        .selectFrom('connections')
        .selectAll()
        .where('name', '=', 'github')
        .orderBy('handle')
        .execute()
      const [later, first] = [
        both.find(({ organizationId }) => organizationId),
        both.find((row) => !row.organizationId),
      ]
      expect([later?.handle, first?.handle]).toEqual([later?.id, 'github'])
    })

    test('but not an issuer whose host the operator allows', async () => {
      const text = `organizations: [{ slug: allowed, connections: [${entry('issuer: "http://idp.test:8080"')}] }]`
      expect(lines(await apply(db, text))).toContain('create connection allowed/x')
    })
  })

  test('an entry that becomes required ends the sign-ins of its organization', async () => {
    const gatehouse = await startGatehouse({ database: kind })
    const entry = (required: boolean) =>
      `{ name: acme-okta, type: oidc, issuer: https://idp.test, client_id: a, required: ${required} }`
    const text = (required: boolean) => `organizations: [{ slug: acme, connections: [${entry(required)}] }]`
    const { access } = await newTokens(gatehouse, { email: 'ada@acme.test', org: 'acme' })
    const elsewhere = await newTokens(gatehouse)
    const active = async (token: string) => (await gatehouse.introspect(token)).json.active
    await gatehouse.apply(text(false))
    expect(await active(access)).toBe(true)
    await gatehouse.apply(text(true))
    expect(await active(access)).toBe(false)
    expect(await active(elsewhere.access)).toBe(true)

    // Only switching it on does: who has come through it since is not signed out at every start.
    const superadmin = await newTokens(gatehouse, { email: 'root@example.test', org: 'acme' })
    await gatehouse.database.db
      .updateTable('users')
      .set({ superadmin: false })
      .where('email', '=', 'root@example.test')
      .execute()
    await gatehouse.database.db
      .insertInto('memberships')
      .columns(['id', 'organizationId', 'userId'])
      .expression((from) =>
        from
          .selectFrom('users')
          .innerJoin('organizations as o', (join) => join.on('o.slug', '=', 'acme'))
          .select(['users.id as id', 'o.id as organizationId', 'users.id as userId'])
          .where('email', '=', 'root@example.test'),
      )
      .execute()
    await gatehouse.apply(text(true).replace('name: acme-okta', 'name: acme-okta, display_name: Okta'))
    expect(await active(superadmin.access)).toBe(true)
    await gatehouse.stop()
  })
})

test('a server applies the connections of its file at the start, and again at every other', async () => {
  const gatehouse = await startGatehouse()
  const setupFile = join(gatehouse.config.dataDir, 'gatehouse.yaml')
  writeFileSync(
    setupFile,
    `${everybody.replace('    domains: [acme.test]\n', '    domains: [acme.test]\n    connections: [{ name: acme-okta, type: oidc, issuer: https://idp.test, client_id: a, client_secret: secret }]\n')}`,
  )
  const stored = () => gatehouse.database.db.selectFrom('connections').select(['name', 'clientSecret']).execute()
  for (let start = 0; start < 2; start++) {
    const before = await stored()
    const node = await startAnotherNode({ ...gatehouse, config: { ...gatehouse.config, setupFile } })
    await node.stop()
    const [okta, ...others] = await stored()
    expect(others).toEqual([])
    expect(encryptionWith(gatehouse.config.encryptionKeys).decrypt(okta!.clientSecret!)).toBe('secret')
    if (start > 0) expect([okta]).toEqual(before)
  }
  await gatehouse.stop()
})
