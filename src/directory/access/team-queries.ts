import type { Queryable } from '#foundation/database/database.ts'

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
