import { z } from 'zod'
import { createTeam } from '#directory/access/manage-team.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { displayName } from '#foundation/values/names.ts'
import { formProblems, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { nameTaken } from './team-page.ts'
import { pathOfTeam, type TeamsRequest, teamsPath } from './teams-request.ts'

export const teamName = z.object({ name: displayName })

export function showNewTeam({ form, show }: TeamsRequest, { status, errors } = noErrors): Promise<void> {
  return show('teams/new', { at: teamsPath, name: form.name ?? '', errors }, status)
}

/** Nobody is in it yet, and it gives nothing: its page leads on to both. */
export async function postNewTeam(request: TeamsRequest): Promise<void> {
  const { db, ctx, form, actor, signedIn } = request
  const fields = { name: form.name ?? '' }
  const problems = await formProblems(teamName, fields, async ({ name }) => {
    const management = { actor, organization: signedIn.organization }
    const team = await createTeam(db, management, { name, permissions: [], dataScopes: [] })
    seeOther(ctx, `${pathOfTeam(team.id)}?done=created`)
  }).catch(nameTaken(fields.name))
  if (problems) await showNewTeam(request, problems)
}
