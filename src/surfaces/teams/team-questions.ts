import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { deleteTeam, placeInTeam } from '#directory/access/manage-team.ts'
import { impactOf } from '#directory/access/read-impact.ts'
import { countMembersOfTeams } from '#directory/access/team-queries.ts'
import { requireMembership } from '#directory/organizations/manage-member.ts'
import type { NamedMembership } from '#directory/organizations/membership-queries.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { impactInWords } from '#surfaces/members/impact-words.ts'
import { pathOfMember } from '#surfaces/members/members-request.ts'
import { pathOfTeam, requireAskedTeam, type TeamsRequest, teamsPath } from './teams-request.ts'

/** Asks once, and says who loses what. */
export async function showDelete(request: TeamsRequest): Promise<void> {
  const { db, actor, show } = request
  const team = await requireAskedTeam(request)
  const [impact, catalogue, counts] = await Promise.all([
    impactOf(db, actor.organizationId, { change: 'team_deleted', teamId: team.id }),
    readCatalogue(db),
    countMembersOfTeams(db, [team.id]),
  ])
  await show('teams/delete', {
    at: teamsPath,
    team: { name: team.name, path: pathOfTeam(team.id) },
    memberCount: counts.get(team.id) ?? 0,
    impact: impactInWords(impact, catalogue),
  })
}

export async function postDelete(request: TeamsRequest): Promise<void> {
  const { db, ctx, actor, signedIn } = request
  await deleteTeam(db, { actor, organization: signedIn.organization }, await requireAskedTeam(request))
  seeOther(ctx, `${teamsPath}?done=deleted`)
}

/** The question whether to take a member out of a team, asked from the team's page or (`from=member`) from the member's. */
export async function showTakeOut(request: TeamsRequest): Promise<void> {
  const { db, actor, show } = request
  const team = await requireAskedTeam(request)
  const member = await requireAskedMembership(request)
  const change = { change: 'team_member_removed', teamId: team.id, membershipId: member.id } as const
  const [impact, catalogue] = await Promise.all([impactOf(db, actor.organizationId, change), readCatalogue(db)])
  await show('teams/take-out', {
    at: teamsPath,
    team: { name: team.name, path: pathOfTeam(team.id) },
    member: { name: member.name, userId: member.userId },
    impact: impactInWords(impact, catalogue),
    back: pageOfAsking(request, team.id),
    from: cameFromMember(request) ? '?from=member' : '',
  })
}

export async function postTakeOut(request: TeamsRequest): Promise<void> {
  const { db, ctx, actor, signedIn } = request
  const team = await requireAskedTeam(request)
  const member = await requireAskedMembership(request)
  await placeInTeam(db, { actor, organization: signedIn.organization }, { team, member }, 'leave')
  seeOther(ctx, `${pageOfAsking(request, team.id)}?done=${cameFromMember(request) ? 'left' : 'removed'}`)
}

async function requireAskedMembership({ db, ctx, actor }: TeamsRequest): Promise<NamedMembership> {
  const { user = '' } = ctx.params
  const member = await requireMembership(db, actor.organizationId, user)
  if (member.userId === user) return member
  throw new GatehouseError('not_found', 'There is no such member in this organization.')
}

function cameFromMember({ ctx }: TeamsRequest): boolean {
  return ctx.query.from === 'member'
}

function pageOfAsking(request: TeamsRequest, teamId: string): string {
  return cameFromMember(request) ? pathOfMember(request.ctx.params.user ?? '') : pathOfTeam(teamId)
}
