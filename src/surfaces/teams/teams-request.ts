import { requireTeam } from '#directory/access/team-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Team } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'

export type TeamsRequest = SignedInRequest & { db: Queryable }

/** Of the list, which the other pages are below. */
export const teamsPath = '/admin/teams'

export function pathOfTeam(id: string): string {
  return `${teamsPath}/${encodeURIComponent(id)}`
}

/** By id alone: a name may become another team's. @throws GatehouseError not_found */
export async function requireAskedTeam({ db, ctx, actor }: TeamsRequest): Promise<Team> {
  const team = await requireTeam(db, actor.organizationId, ctx.params.team ?? '')
  if (team.id !== ctx.params.team) throw new GatehouseError('not_found', 'There is no such team in this organization.')
  return team
}
