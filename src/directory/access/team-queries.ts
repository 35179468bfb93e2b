import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import type { Team } from '#foundation/database/schema.ts'

/** Those of the teams that the organization has, in the order in which they are locked. */
export async function listTeamIds(
  tx: Queryable,
  organizationId: string,
  teamIds: readonly string[],
): Promise<string[]> {
  if (teamIds.length === 0) return []
  const teams = await tx
    .selectFrom('teams')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('id', 'in', teamIds)
    .orderBy('id')
    .execute()
  return teams.map((team) => team.id)
}

/** All teams of organizations. */
export function listTeams(db: Queryable, organizationIds: readonly string[]): Promise<Team[]> {
  return db
    .selectFrom('teams')
    .selectAll()
    .where(sql<boolean>`organization_id = any(${organizationIds}::text[])`)
    .execute()
}

/** Which memberships are in which teams of organizations. */
export function listTeamPlaces(
  db: Queryable,
  organizationIds: readonly string[],
): Promise<{ teamId: string; membershipId: string }[]> {
  return db
    .selectFrom('teamMembers as p')
    .innerJoin('teams as t', 't.id', 'p.teamId')
    .select(['p.membershipId', 'p.teamId'])
    .where(sql<boolean>`t.organization_id = any(${organizationIds}::text[])`)
    .execute()
}

/** A team as one of the places that its members have their rights from. */
export type TeamGrants = Pick<Team, 'id' | 'name' | 'permissions' | 'dataScopes'>

/** The teams of each of these memberships of an organization, in the order of their ids; each team is one object. */
export async function readTeamsOfMembers(
  db: Queryable,
  organizationId: string,
  membershipIds: readonly string[],
): Promise<Map<string, TeamGrants[]>> {
  const places = await db
    .selectFrom('teamMembers')
    .select(['membershipId', 'teamId'])
    .where(sql<boolean>`membership_id = any(${membershipIds}::text[])`)
    .orderBy('teamId')
    .execute()
  const teams = await db
    .selectFrom('teams')
    .select(['id', 'name', 'permissions', 'dataScopes'])
    .where('organizationId', '=', organizationId)
    .where(sql<boolean>`id = any(${[...new Set(places.map(({ teamId }) => teamId))]}::text[])`)
    .execute()
  const teamOf = new Map(teams.map((team) => [team.id, team]))
  const teamsOf = new Map<string, TeamGrants[]>()
  for (const { membershipId, teamId } of places) {
    const team = teamOf.get(teamId)
    if (!team) continue
    const others = teamsOf.get(membershipId)
    if (others) others.push(team)
    else teamsOf.set(membershipId, [team])
  }
  return teamsOf
}
