import { type InvitedAddress, inviteMembers } from '#authentication/joining/invite-members.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { type FormProblems, fieldErrors, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { type MembersRequest, membersPath } from './members-request.ts'
import { pastedAddresses } from './pasted-addresses.ts'
import { chosenTeams, readTeamTicks } from './team-choice.ts'

/** Each is some ten statements and a mail. */
const mostAtOnce = 200

export function showInvite(request: MembersRequest): Promise<void> {
  const { emails, admin } = request.ctx.query
  return renderInvite(request, { ...(typeof emails === 'string' && { emails }), ...(admin === 'yes' && { admin }) })
}

/** Invites all of the pasted addresses alike. Whom something spoke against is told, and stays in the form where it can be mended. */
export async function postInvitations(request: MembersRequest): Promise<void> {
  const { ctx, form, actor, signedIn } = request
  if (form.step === 'find') return renderInvite(request, form)
  const emails = pastedAddresses(form.emails ?? '')
  const problem = problemWith(emails.length)
  if (problem) return renderInvite(request, form, { status: 422, errors: { emails: problem } })
  let results: InvitedAddress[] = []
  const problems = await fieldErrors(async () => {
    const offered = { emails, admin: form.admin === 'yes', teamIds: chosenTeams(form) }
    results = await inviteMembers(request, actor, signedIn.organization, offered)
  })
  if (problems) return renderInvite(request, form, problems)
  const invited = results.filter(({ outcome }) => outcome === 'invited').length
  if (invited === results.length) return seeOther(ctx, `${membersPath}/invitations?invited=${invited}`)
  await renderInvite(request, { ...form, emails: toMend(results) }, { status: 422, errors: {} }, results)
}

function problemWith(count: number) {
  if (count === 0) return message('members.invite.nobody')
  return count > mostAtOnce ? message('members.invite.too_many', { count, most: mostAtOnce }) : undefined
}

/** What the same form could still do something about. */
function toMend(results: readonly InvitedAddress[]): string {
  return results
    .filter(({ outcome }) => outcome === 'not_an_address' || outcome === 'too_many')
    .map(({ email }) => email)
    .join('\n')
}

async function renderInvite(
  { db, actor, signedIn, show }: MembersRequest,
  form: Form,
  { status, errors }: FormProblems = noErrors,
  results?: InvitedAddress[],
): Promise<void> {
  const ticks = await readTeamTicks(db, actor.organizationId, { chosen: chosenTeams(form), find: form.find ?? '' })
  await show(
    'members/invite',
    {
      at: membersPath,
      organizationName: signedIn.organization.name,
      emails: form.emails ?? '',
      admin: form.admin === 'yes',
      ticks,
      errors,
      results: results && {
        invited: results.filter(({ outcome }) => outcome === 'invited'),
        others: results.filter(({ outcome }) => outcome !== 'invited'),
      },
    },
    status,
  )
}
