import type { Route } from '#foundation/http/router.ts'
import type { SignedInPages } from '#surfaces/page-kit/signed-in-pages.ts'
import { postMember, showQuestion } from './change-member-page.ts'
import { postResend, postWithdraw, showInvitations } from './invitations-page.ts'
import { postInvitations, showInvite } from './invite-page.ts'
import { showMembers } from './member-list-page.ts'
import { postJoinTeam, showMember } from './member-page.ts'
import { type MembersParts, membersPath } from './members-request.ts'

/** The members of an organization and who has been invited, for its administrators. */
export function memberPages({ pages, ...parts }: MembersParts & { pages: SignedInPages }): Route[] {
  const { page, form } = pages.with(parts)
  const at = membersPath
  const back = { returnTo: at }
  return [
    ['GET', at, page(showMembers)],
    ['GET', `${at}/invite`, page(showInvite)],
    ['POST', `${at}/invite`, form(postInvitations, { returnTo: `${at}/invite` })],
    ['GET', `${at}/invitations`, page((request) => showInvitations(request))],
    ['POST', `${at}/invitations/:id/resend`, form(postResend, { returnTo: `${at}/invitations` })],
    ['POST', `${at}/invitations/:id/withdraw`, form(postWithdraw, { returnTo: `${at}/invitations` })],
    ['GET', `${at}/:user`, page((request) => showMember(request))],
    ['POST', `${at}/:user`, form(postMember, back)],
    ['POST', `${at}/:user/teams`, form(postJoinTeam, back)],
    ['GET', `${at}/:user/demote`, page((request) => showQuestion(request, 'demote'))],
    ['GET', `${at}/:user/deactivate`, page((request) => showQuestion(request, 'deactivate'))],
    ['GET', `${at}/:user/remove`, page((request) => showQuestion(request, 'remove'))],
  ]
}
