import { z } from 'zod'
import { placeInTeam } from '#directory/access/manage-team.ts'
import { requireMembership } from '#directory/organizations/manage-member.ts'
import { listMembersNewestFirst } from '#directory/organizations/membership-queries.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { plainText } from '#foundation/values/names.ts'
import { memberRow } from '#surfaces/members/member-list-page.ts'
import { noErrors } from '#surfaces/page-kit/form-problems.ts'
import { pathOfTeam, requireAskedTeam, type TeamsRequest, teamsPath } from './teams-request.ts'

const pageSize = 25
/** No field of a form is given twice, so a checkbox has its value in its name. */
const prefix = 'member:'

const listQuery = z.object({ q: plainText(254).catch(''), cursor: pageQuery.cursor.catch(undefined) })

/** Members who are not in the team, to be put into it. */
export async function showCandidates(request: TeamsRequest, { status, errors } = noErrors): Promise<void> {
  const { db, ctx, actor, show } = request
  const team = await requireAskedTeam(request)
  const { q, cursor } = parse(listQuery, { ...ctx.query })
  const filter = { q: q || undefined, notInTeamId: team.id }
  const rows = await listMembersNewestFirst(db, actor.organizationId, filter, { limit: pageSize, cursor })
  const { items, next_cursor: older } = pageOf(rows, pageSize, ({ at, id }) => ({ at, id }), memberRow)
  const at = `${pathOfTeam(team.id)}/members`
  const kept = q === '' ? '' : `q=${encodeURIComponent(q)}`
  await show(
    'teams/add-members',
    {
      at: teamsPath,
      team: { name: team.name, path: pathOfTeam(team.id) },
      filter: { q },
      candidates: items.map((member) => ({ ...member, field: `${prefix}${member.userId}` })),
      errors,
      isFirstPage: cursor === undefined,
      newestUrl: `${at}?${kept}`,
      olderUrl: older && `${at}?${kept && `${kept}&`}cursor=${older}`,
    },
    status,
  )
}

/** Puts those who are ticked into the team. */
export async function postMembers(request: TeamsRequest): Promise<void> {
  const { db, ctx, form, actor, signedIn } = request
  const team = await requireAskedTeam(request)
  const { organization } = signedIn
  const chosen = Object.keys(form)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
  if (chosen.length === 0) {
    return showCandidates(request, { status: 422, errors: { members: message('teams.add.nobody') } })
  }
  for (const userId of chosen) {
    const member = await requireMembership(db, organization.id, userId)
    await placeInTeam(db, { actor, organization }, { team, member }, 'join')
  }
  seeOther(ctx, `${pathOfTeam(team.id)}?done=added&count=${chosen.length}`)
}
