import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import type { SignedInPages } from '#surfaces/page-kit/signed-in-pages.ts'
import { postMembers, showCandidates } from './add-members-page.ts'
import { postNewTeam, showNewTeam } from './new-team-page.ts'
import { showTeams } from './team-list-page.ts'
import { postName, showTeam } from './team-page.ts'
import { postDelete, postTakeOut, showDelete, showTakeOut } from './team-questions.ts'
import { teamsPath } from './teams-request.ts'

/** The teams of an organization and who is in them, for its administrators. */
export function teamPages({ pages, db }: { pages: SignedInPages; db: Queryable }): Route[] {
  const { page, form } = pages.with({ db })
  const at = teamsPath
  const back = { returnTo: at }
  return [
    ['GET', at, page(showTeams)],
    ['GET', `${at}/new`, page((request) => showNewTeam(request))],
    ['POST', `${at}/new`, form(postNewTeam, { returnTo: `${at}/new` })],
    ['GET', `${at}/:team`, page((request) => showTeam(request))],
    ['POST', `${at}/:team`, form(postName, back)],
    ['GET', `${at}/:team/members`, page((request) => showCandidates(request))],
    ['POST', `${at}/:team/members`, form(postMembers, back)],
    ['GET', `${at}/:team/members/:user/remove`, page(showTakeOut)],
    ['POST', `${at}/:team/members/:user/remove`, form(postTakeOut, back)],
    ['GET', `${at}/:team/delete`, page(showDelete)],
    ['POST', `${at}/:team/delete`, form(postDelete, back)],
  ]
}
