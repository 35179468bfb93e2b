import { z } from 'zod'
import { countMembersOfTeams, listTeamPage } from '#directory/access/team-queries.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { plainText } from '#foundation/values/names.ts'
import { pathOfTeam, type TeamsRequest, teamsPath } from './teams-request.ts'

const pageSize = 25

const listQuery = z.object({
  q: plainText(200).catch(''),
  cursor: pageQuery.cursor.catch(undefined),
  done: z.enum(['deleted']).optional().catch(undefined),
})

/** Every team of the organization, the newest first, with how many are in it and what it gives. */
export async function showTeams({ db, ctx, actor, signedIn, show }: TeamsRequest): Promise<void> {
  const { q, cursor, done } = parse(listQuery, { ...ctx.query })
  const rows = await listTeamPage(db, actor.organizationId, { limit: pageSize, cursor }, { q: q || undefined })
  const counts = await countMembersOfTeams(
    db,
    rows.map(({ id }) => id),
  )
  const { items, next_cursor: older } = pageOf(
    rows,
    pageSize,
    ({ position }) => position,
    ({ id, name, permissions, dataScopes, createdAt }) => ({
      id,
      name,
      path: pathOfTeam(id),
      members: counts.get(id) ?? 0,
      permissions: permissions.length,
      dataScopes: dataScopes.length,
      createdAt,
    }),
  )
  const kept = q === '' ? '' : `q=${encodeURIComponent(q)}`
  await show('teams/list', {
    at: teamsPath,
    organizationName: signedIn.organization.name,
    filter: { q },
    teams: items,
    isFirstPage: cursor === undefined,
    newestUrl: `${teamsPath}?${kept}`,
    olderUrl: older && `${teamsPath}?${kept && `${kept}&`}cursor=${older}`,
    done,
  })
}
