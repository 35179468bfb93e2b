import { readMembersByEmail } from '#directory/organizations/membership-queries.ts'
import { type Administrator, requireAdminOf } from '#directory/users/actor.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { emailAddress, emailKey } from '#foundation/values/email-address.ts'
import { readInvitedAddresses } from './invitation-queries.ts'
import {
  type InvitationParts,
  type InvitationRequest,
  type InvitingOrganization,
  inviteMember,
} from './invite-member.ts'

/**
 * What became of an address: `open` has an invitation already, which stays as it is; `too_many`: the mailbox has had its
 * share of mails for this hour.
 */
export type InvitationOutcome = 'invited' | 'member' | 'deactivated' | 'open' | 'not_an_address' | 'too_many'

export interface InvitedAddress {
  email: string
  outcome: InvitationOutcome
}

/**
 * Invites several people alike, each by a transaction of its own: whom something speaks against keeps nobody else from
 * being invited, and the same again invites nobody twice.
 * @param request.emails as somebody typed them, each once
 * @throws GatehouseError permission_denied, validation_failed for `teams`, as `inviteMember`
 */
export async function inviteMembers(
  parts: InvitationParts,
  actor: Administrator,
  organization: InvitingOrganization,
  { emails, ...offered }: Omit<InvitationRequest, 'email'> & { emails: readonly string[] },
): Promise<InvitedAddress[]> {
  requireAdminOf(actor, organization.id)
  const addresses = emails.filter(isAddress)
  const [members, invited] = await Promise.all([
    readMembersByEmail(parts.db, organization.id, addresses),
    readInvitedAddresses(parts.db, organization.id, addresses),
  ])
  const results: InvitedAddress[] = []
  for (const email of emails) {
    results.push({ email, outcome: await outcomeOf(email) })
  }
  return results

  async function outcomeOf(email: string): Promise<InvitationOutcome> {
    if (!isAddress(email)) return 'not_an_address'
    const member = members.get(emailKey(email))
    if (member) return member.active ? 'member' : 'deactivated'
    if (invited.has(emailKey(email))) return 'open'
    return invite(parts, actor, organization, { email, ...offered })
  }
}

async function invite(
  parts: InvitationParts,
  actor: Administrator,
  organization: InvitingOrganization,
  request: InvitationRequest,
): Promise<InvitationOutcome> {
  try {
    await inviteMember(parts, actor, organization, request)
    return 'invited'
  } catch (error) {
    if (!(error instanceof GatehouseError)) throw error
    if (error.code === 'conflict') return 'member'
    if (error.code === 'too_many_requests') return 'too_many'
    throw error
  }
}

function isAddress(email: string): boolean {
  return emailAddress.safeParse(email).success
}
