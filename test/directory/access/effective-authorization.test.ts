import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rewriteEffectiveAuthorization } from '#directory/access/effective-authorization.ts'
import { setDirectGrants } from '#directory/access/save-grants.ts'
import {
  changeTeamMembers,
  deleteTeams,
  insertTeams,
  listMembersOfTeams,
  lockTeams,
  updateTeam,
} from '#directory/access/save-team.ts'
import { insertMemberships } from '#directory/organizations/save-membership.ts'
import { insertOrganizations } from '#directory/organizations/save-organization.ts'
import { insertUsers } from '#directory/users/save-user.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase, postgresAvailable } from '#support/databases.ts'

describe.each(availableDatabases())('effective authorization on %s', (kind) => {
  let store: OpenTestDatabase
  beforeAll(async () => {
    store = await openTestDatabase(kind)
  })
  afterAll(() => store.close())

  // S0-23, S0-24, S0-26
  test('is the union of direct grants and those of every team', async () => {
    const { organizationId, membershipId } = await newMember(store.db)
    const [readers, writers] = await newTeams(store.db, organizationId, 2)
    await store.db.transaction().execute(async (tx) => {
      const scopes = [{ source: 'proxmox', scope_id: null }]
      await setDirectGrants(tx, organizationId, [{ membershipId, permissions: ['reports:read'], dataScopes: scopes }])
      await updateTeam(tx, { id: readers!, organizationId }, { permissions: ['items:read'] })
      await updateTeam(tx, { id: writers!, organizationId }, { dataScopes: [{ source: 'proxmox', scope_id: 'one' }] })
      await changeTeamMembers(tx, organizationId, {
        join: [readers!, writers!].map((teamId) => ({ teamId, membershipId })),
      })
      await rewriteEffectiveAuthorization(tx, organizationId, [membershipId])
    })
    expect(await effective(store.db, membershipId)).toEqual({
      effectivePermissions: ['items:read', 'reports:read', 'team-1:use'],
      effectiveDataScopes: [{ source: 'proxmox', scope_id: null }],
    })
  })

  test('loses what a removed team gave, and keeps the rest', async () => {
    const { organizationId, membershipId } = await newMember(store.db)
    const [one, other] = await newTeams(store.db, organizationId, 2)
    await join(store.db, organizationId, membershipId, [one!, other!])
    await store.db.transaction().execute(async (tx) => {
      await lockTeams(tx, organizationId, [one!])
      const members = await listMembersOfTeams(tx, organizationId, [one!])
      await deleteTeams(tx, organizationId, [one!])
      await rewriteEffectiveAuthorization(tx, organizationId, members)
    })
    expect((await effective(store.db, membershipId)).effectivePermissions).toEqual(['team-1:use'])
  })

  test('a team of another organization is neither changed nor removed', async () => {
    const { organizationId } = await newMember(store.db)
    const stranger = await newMember(store.db)
    const [team] = await newTeams(store.db, organizationId, 1)
    await updateTeam(store.db, { id: team!, organizationId: stranger.organizationId }, { permissions: ['*'] })
    await deleteTeams(store.db, stranger.organizationId, [team!])
    const row = await store.db.selectFrom('teams').selectAll().where('id', '=', team!).executeTakeFirst()
    expect(row?.permissions).toEqual(['team-0:use'])
  })

  test('no membership comes into a team of another organization, or out of one by its say', async () => {
    const { organizationId, membershipId } = await newMember(store.db)
    const stranger = await newMember(store.db)
    const [team] = await newTeams(store.db, organizationId, 1)
    await join(store.db, organizationId, membershipId, [team!])
    const foreign = [{ teamId: team!, membershipId: stranger.membershipId }]
    const own = [{ teamId: team!, membershipId }]
    for (const organization of [organizationId, stranger.organizationId]) {
      await changeTeamMembers(store.db, organization, { join: foreign })
    }
    await changeTeamMembers(store.db, stranger.organizationId, { leave: own })
    expect(await listMembersOfTeams(store.db, organizationId, [team!])).toEqual([membershipId])
    expect(await listMembersOfTeams(store.db, stranger.organizationId, [team!])).toEqual([])
  })
})

describe.runIf(postgresAvailable())('at once, on PostgreSQL', () => {
  let store: OpenTestDatabase
  beforeAll(async () => {
    store = await openTestDatabase('postgres')
  })
  afterAll(() => store.close())

  test('20 teams joined at the same moment all count', async () => {
    const { organizationId, membershipId } = await newMember(store.db)
    const teams = await newTeams(store.db, organizationId, 20)
    await Promise.all(teams.map((team) => join(store.db, organizationId, membershipId, [team])))
    expect((await effective(store.db, membershipId)).effectivePermissions).toHaveLength(20)
  })

  test('20 teams of one member changed at the same moment leave the union of what they are now', async () => {
    const { organizationId, membershipId } = await newMember(store.db)
    const teams = await newTeams(store.db, organizationId, 20)
    await join(store.db, organizationId, membershipId, teams)
    await Promise.all(teams.map((team, index) => changeGrants(store.db, organizationId, team, [`new-${index}:use`])))
    const wanted = teams.map((_team, index) => `new-${index}:use`).sort()
    expect((await effective(store.db, membershipId)).effectivePermissions).toEqual(wanted)
  })

  test('who joins a team while it loses a permission does not keep that permission', async () => {
    const { organizationId, membershipId } = await newMember(store.db)
    const [team] = await newTeams(store.db, organizationId, 1)
    let joining: Promise<void> | undefined
    await store.db.transaction().execute(async (tx) => {
      await updateTeam(tx, { id: team!, organizationId }, { permissions: ['after:use'] })
      joining = join(store.db, organizationId, membershipId, [team!])
      await Promise.race([joining, someoneWaits(store.db)])
      await rewriteEffectiveAuthorization(tx, organizationId, await listMembersOfTeams(tx, organizationId, [team!]))
    })
    await joining
    expect((await effective(store.db, membershipId)).effectivePermissions).toEqual(['after:use'])
  })
})

/** Resolves when a connection to this database waits for a lock of another. */
async function someoneWaits(db: Queryable): Promise<void> {
  for (;;) {
    const { rows } = await sql`
      select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
    if (rows.length > 0) return
  }
}

async function newMember(db: Queryable, organizationId = newId('organization')) {
  const userId = newId('user')
  const membershipId = newId('membership')
  const flags = { superadmin: false, active: true, emailVerified: true }
  const known = await db.selectFrom('organizations').select('id').where('id', '=', organizationId).executeTakeFirst()
  if (!known) {
    const slug = organizationId.slice(4).toLowerCase()
    await insertOrganizations(db, [
      { id: organizationId, slug, name: slug, logoUrl: null, accentColor: null, joinByDomain: false, active: true },
    ])
  }
  await insertUsers(db, [{ id: userId, email: `${userId}@example.test`, name: 'Ada', passwordHash: null, ...flags }])
  await insertMemberships(db, [{ id: membershipId, organizationId, userId, admin: false, active: true }])
  return { organizationId, membershipId }
}

async function newTeams(db: Queryable, organizationId: string, count: number, prefix = 'team'): Promise<string[]> {
  const teams = Array.from({ length: count }, (_, index) => ({
    id: newId('team'),
    organizationId,
    name: `${prefix} ${index}`,
    permissions: [`${prefix}-${index}:use`],
    dataScopes: [],
  }))
  await insertTeams(db, teams)
  return teams.map((team) => team.id)
}

function join(db: Queryable, organizationId: string, membershipId: string, teamIds: string[]): Promise<void> {
  return db.transaction().execute(async (tx) => {
    await changeTeamMembers(tx, organizationId, { join: teamIds.map((teamId) => ({ teamId, membershipId })) })
    await rewriteEffectiveAuthorization(tx, organizationId, [membershipId])
  })
}

function changeGrants(db: Queryable, organizationId: string, id: string, permissions: string[]): Promise<void> {
  return db.transaction().execute(async (tx) => {
    await lockTeams(tx, organizationId, [id])
    await updateTeam(tx, { id, organizationId }, { permissions })
    await rewriteEffectiveAuthorization(tx, organizationId, await listMembersOfTeams(tx, organizationId, [id]))
  })
}

function effective(db: Queryable, membershipId: string) {
  return db
    .selectFrom('memberships')
    .select(['effectivePermissions', 'effectiveDataScopes'])
    .where('id', '=', membershipId)
    .executeTakeFirstOrThrow()
}
