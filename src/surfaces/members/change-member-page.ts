import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { impactOf } from '#directory/access/read-impact.ts'
import { changeMember, removeMember } from '#directory/organizations/manage-member.ts'
import type { MembershipEdit } from '#directory/organizations/save-membership.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { impactInWords } from './impact-words.ts'
import { memberFacts, type Refusal, refusalOf, requireAskedMember, showMember } from './member-page.ts'
import { type MembersRequest, membersPath, pathOfMember } from './members-request.ts'

/** What takes something away is asked once, and what will break is said first. */
type Question = 'demote' | 'deactivate' | 'remove'

export async function showQuestion(request: MembersRequest, question: Question): Promise<void> {
  const { db, actor, signedIn, show } = request
  const member = await requireAskedMember(request)
  const { organizationId } = actor
  const change = question === 'remove' ? 'member_removed' : 'member_deactivated'
  const impact =
    question === 'demote'
      ? undefined
      : impactInWords(await impactOf(db, organizationId, { change, membershipId: member.id }), await readCatalogue(db))
  await show('members/question', {
    at: membersPath,
    organizationName: signedIn.organization.name,
    question,
    member: memberFacts(member),
    isOneself: member.userId === actor.user.id,
    impact,
  })
}

interface MemberChange {
  /** Absent: the membership itself goes. */
  edit?: MembershipEdit
  done: string
  /** The button at which a refusal is said. */
  at: Refusal['at']
}

const changes: Record<string, MemberChange> = {
  promote: { edit: { admin: true }, done: 'promoted', at: 'admin' },
  demote: { edit: { admin: false }, done: 'demoted', at: 'admin' },
  activate: { edit: { active: true }, done: 'activated', at: 'active' },
  deactivate: { edit: { active: false }, done: 'deactivated', at: 'active' },
  remove: { done: 'removed', at: 'remove' },
}

export async function postMember(request: MembersRequest): Promise<void> {
  const { db, ctx, form, actor, signedIn } = request
  const change = Object.hasOwn(changes, form.change ?? '') ? changes[form.change ?? ''] : undefined
  if (!change) throw new GatehouseError('invalid_request', 'change is missing')
  const { userId } = await requireAskedMember(request)
  const management = { actor, organization: signedIn.organization }
  try {
    if (change.edit) await changeMember(db, management, userId, change.edit)
    else await removeMember(db, management, userId)
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.code !== 'conflict') throw error
    return showMember(request, refusalOf(error, change.at))
  }
  seeOther(ctx, pageAfter(change, { userId, isOneself: userId === actor.user.id && !actor.user.superadmin }))
}

/** Who took their own rights away has no page here any more. */
function pageAfter(
  { edit, done }: MemberChange,
  { userId, isOneself }: { userId: string; isOneself: boolean },
): string {
  const takesAway = edit === undefined || edit.admin === false || edit.active === false
  if (isOneself && takesAway) return '/account/organizations'
  return edit === undefined ? `${membersPath}?done=${done}` : `${pathOfMember(userId)}?done=${done}`
}
