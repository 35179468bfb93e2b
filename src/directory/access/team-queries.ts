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
