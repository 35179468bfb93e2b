import { z } from 'zod'
import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { describeDataScope, describePermission } from '#directory/access/describe-authorization.ts'
import { renameTeam } from '#directory/access/manage-team.ts'
import { countMembersOfTeams } from '#directory/access/team-queries.ts'
import { listMembersNewestFirst } from '#directory/organizations/membership-queries.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { displayName, plainText } from '#foundation/values/names.ts'
import { memberRow } from '#surfaces/members/member-list-page.ts'
import { type FormProblems, formProblems, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { pathOfTeam, requireAskedTeam, type TeamsRequest, teamsPath } from './teams-request.ts'

const pageSize = 25
const mostGrantsShown = 20

const pageAsked = z.object({
  q: plainText(254).catch(''),
  cursor: pageQuery.cursor.catch(undefined),
  done: z.enum(['created', 'renamed', 'added', 'removed']).optional().catch(undefined),
  count: z.coerce.number().int().min(1).max(1_000).catch(1),
})

/** What a team is called, what it gives, and who is in it. */
export async function showTeam(request: TeamsRequest, { status, errors } = noErrors): Promise<void> {
  const { db, ctx, form, actor, show } = request
  const team = await requireAskedTeam(request)
  const { q, cursor, done, count } = parse(pageAsked, { ...ctx.query })
  const [rows, counts, catalogue] = await Promise.all([
    listMembersNewestFirst(
      db,
      actor.organizationId,
      { q: q || undefined, teamId: team.id },
      { limit: pageSize, cursor },
    ),
    countMembersOfTeams(db, [team.id]),
    readCatalogue(db),
  ])
  const { items, next_cursor: older } = pageOf(rows, pageSize, ({ at, id }) => ({ at, id }), memberRow)
  const path = pathOfTeam(team.id)
  const kept = q === '' ? '' : `q=${encodeURIComponent(q)}`
  await show(
    'teams/team',
    {
      at: teamsPath,
      team: { id: team.id, name: team.name, path, createdAt: team.createdAt },
      typedName: form.name ?? team.name,
      errors,
      memberCount: counts.get(team.id) ?? 0,
      filter: { q },
      members: items,
      permissions: team.permissions.slice(0, mostGrantsShown).map((name) => describePermission(name, catalogue)),
      dataScopes: team.dataScopes.slice(0, mostGrantsShown).map(describeDataScope),
      moreGrants:
        Math.max(0, team.permissions.length - mostGrantsShown) + Math.max(0, team.dataScopes.length - mostGrantsShown),
      grantsUrl: `/admin/grants/teams/${encodeURIComponent(team.id)}`,
      isFirstPage: cursor === undefined,
      newestUrl: `${path}?${kept}`,
      olderUrl: older && `${path}?${kept && `${kept}&`}cursor=${older}`,
      done,
      count,
    },
    status,
  )
}

export async function postName(request: TeamsRequest): Promise<void> {
  const { db, ctx, form, actor, signedIn } = request
  const team = await requireAskedTeam(request)
  const fields = { name: form.name ?? '' }
  const problems = await formProblems(z.object({ name: displayName }), fields, async (edit) => {
    await renameTeam(db, { actor, organization: signedIn.organization }, team, edit)
    seeOther(ctx, `${pathOfTeam(team.id)}?done=renamed`)
  }).catch(nameTaken(fields.name))
  if (problems) await showTeam(request, problems)
}

/** Said at the field; anything else that was refused is thrown on. */
export function nameTaken(name: string) {
  return (error: unknown): FormProblems => {
    if (!(error instanceof GatehouseError) || error.code !== 'conflict') throw error
    return { status: statusOfCode.conflict, errors: { name: message('teams.taken', { name: name.trim() }) } }
  }
}
