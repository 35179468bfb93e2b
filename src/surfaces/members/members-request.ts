import type { InvitationParts } from '#authentication/joining/invite-member.ts'
import type { SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'

export interface MembersParts extends InvitationParts {
  /** After how long without use a session ends. */
  sessionSeconds: number
}

export type MembersRequest = SignedInRequest & MembersParts

/** Of the list, which the other pages are below. */
export const membersPath = '/admin/members'

export function pathOfMember(userId: string): string {
  return `${membersPath}/${encodeURIComponent(userId)}`
}
