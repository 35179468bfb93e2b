import { sql } from 'kysely'
import { type Queryable, toJson } from '#foundation/database/database.ts'
import { canonicalGrants, type Grants } from './grants.ts'
import { lockMemberships } from './save-grants.ts'

/*
 * A change of a team's grants or members, and its removal, is one transaction: `lockTeams`, the change, then
 * `rewriteEffectiveAuthorization` for `listMembersOfTeams` (asked before a removal). Teams are locked before memberships,
 * each in the order of their ids.
 */

/** A team as it is first written; ids come from `newId('team')`. */
export interface NewTeam extends Grants {
  id: string
  organizationId: string
  name: string
}

/** Only what is given is changed. */
export type TeamEdit = Partial<Grants & { name: string }>

/** @throws on `teams_name_unique` when the organization has a team of that name, in any spelling */
export async function insertTeams(tx: Queryable, teams: readonly NewTeam[]): Promise<void> {
  if (teams.length === 0) return
  await tx
    .insertInto('teams')
    .values(
      teams.map(({ id, organizationId, name, ...grants }) => ({ id, organizationId, name, ...toColumns(grants) })),
    )
    .execute()
}

/** Changes a team. After a change of its grants the caller rewrites the authorization of its members. */
export async function updateTeam(
  tx: Queryable,
  team: { id: string; organizationId: string },
  { name, permissions, dataScopes }: TeamEdit,
): Promise<void> {
  const columns = toColumns({ permissions: permissions ?? [], dataScopes: dataScopes ?? [] })
  await tx
    .updateTable('teams')
    .set({
      ...(name !== undefined && { name }),
      ...(permissions && { permissions: columns.permissions }),
      ...(dataScopes && { dataScopes: columns.dataScopes }),
    })
    .where('organizationId', '=', team.organizationId)
    .where('id', '=', team.id)
    .execute()
}

/**
 * Removes teams; the caller rewrites the authorization of those who were in them. Their memberships are locked before:
 * who removes one of these people at the same moment holds the membership and waits for its places in teams.
 */
export async function deleteTeams(tx: Queryable, organizationId: string, teamIds: readonly string[]): Promise<void> {
  if (teamIds.length === 0) return
  await lockMemberships(tx, organizationId, await listMembersOfTeams(tx, organizationId, teamIds))
  await tx.deleteFrom('teams').where('organizationId', '=', organizationId).where('id', 'in', teamIds).execute()
}

/** Holds the teams until the transaction ends, so that no member joins one while its grants change. */
export async function lockTeams(tx: Queryable, organizationId: string, teamIds: readonly string[]): Promise<void> {
  if (teamIds.length === 0) return
  await tx
    .selectFrom('teams')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('id', 'in', teamIds)
    .orderBy('id')
    .forUpdate()
    .execute()
}

/** Ids of the memberships that are in any of the organization's teams. */
export async function listMembersOfTeams(
  tx: Queryable,
  organizationId: string,
  teamIds: readonly string[],
): Promise<string[]> {
  if (teamIds.length === 0) return []
  const members = await tx
    .selectFrom('teamMembers as p')
    .innerJoin('teams as t', 't.id', 'p.teamId')
    .select('p.membershipId')
    .distinct()
    .where('t.organizationId', '=', organizationId)
    .where('t.id', 'in', teamIds)
    .execute()
  return members.map((member) => member.membershipId)
}

export interface TeamPlace {
  teamId: string
  membershipId: string
}

/**
 * Puts memberships into teams of the organization and takes them out of others; being there already, or no longer, is no
 * mistake. Teams and memberships of another organization are left alone. The caller rewrites the authorization of the
 * memberships. @returns how many came into a team or left one
 *
 * The shared lock on the teams waits for a transaction that changes their grants: else that one would not see the new
 * member, and this one not the new grants, and the member would keep the old ones.
 */
export async function changeTeamMembers(
  tx: Queryable,
  organizationId: string,
  { join = [], leave = [] }: { join?: readonly TeamPlace[] | undefined; leave?: readonly TeamPlace[] | undefined },
): Promise<number> {
  const places = [...join, ...leave]
  if (places.length === 0) return 0
  const teamIds = [...new Set(places.map((place) => place.teamId))]
  await tx
    .selectFrom('teams')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('id', 'in', teamIds)
    .orderBy('id')
    .forShare()
    .execute()
  await lockMemberships(tx, organizationId, [...new Set(places.map((place) => place.membershipId))])
  const left = await sql`
    delete from team_members p using ${rowsOf(leave)}, teams t
    where p.team_id = place."teamId" and p.membership_id = place."membershipId"
      and t.id = p.team_id and t.organization_id = ${organizationId}`.execute(tx)
  const joined = await sql`
    insert into team_members (team_id, membership_id)
    select t.id, m.id from ${rowsOf(join)}
    join teams t on t.id = place."teamId" and t.organization_id = ${organizationId}
    join memberships m on m.id = place."membershipId" and m.organization_id = ${organizationId}
    on conflict do nothing`.execute(tx)
  return Number(left.numAffectedRows ?? 0n) + Number(joined.numAffectedRows ?? 0n)
}

/** Any number of places as one parameter. */
function rowsOf(places: readonly TeamPlace[]) {
  return sql`jsonb_to_recordset(${toJson(places)}::jsonb) as place("teamId" text, "membershipId" text)`
}

function toColumns(grants: Grants) {
  const { permissions, dataScopes } = canonicalGrants(grants)
  return { permissions: toJson(permissions), dataScopes: toJson(dataScopes) }
}
