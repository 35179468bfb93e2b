import { sql } from 'kysely'
import { z } from 'zod'
import { mailLinkPath, makeMailLink } from '#authentication/mail-links/mail-link.ts'
import { listTeamIds } from '#directory/access/team-queries.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { type Queryable, toJson } from '#foundation/database/database.ts'
import type { Organization, User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { parse } from '#foundation/http/parse.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { emailAddress } from '#foundation/values/email-address.ts'

/** Where the link leads. */
export const invitationPage = '/invitation'

export interface InvitationRequest {
  organization: Pick<Organization, 'id' | 'slug'> & { name: string }
  email: string
  admin: boolean
  /** Of teams of this organization. */
  teamIds: readonly string[]
  /** Who invites; the caller has made sure that they may. */
  invitedBy: Pick<User, 'id' | 'name'>
}

/**
 * Invites somebody into an organization by mail. Inviting them again replaces what was offered and mails a new link; the
 * older one ends. Whether anybody has the address is not told.
 * @throws GatehouseError validation_failed for `email` or `teams`; conflict when they are a member already;
 *   too_many_requests when the mailbox has had its share of invitations for this hour
 */
export async function inviteMember(
  tx: Queryable,
  outbox: MailOutbox,
  request: InvitationRequest,
): Promise<{ id: string }> {
  const { organization, admin, invitedBy } = request
  const { email } = parse(z.object({ email: emailAddress }), request)
  const teamIds = [...new Set(request.teamIds)]
  await requireTeams(tx, organization.id, teamIds)
  await requireNoMember(tx, organization.id, email)
  const id = await saveInvitation(tx, { organizationId: organization.id, email, admin, teamIds, invitedBy })
  const token = await makeMailLink(tx, {
    purpose: 'invitation',
    email,
    organizationId: organization.id,
    payload: { invitationId: id },
  })
  if (!token) {
    const message = 'This address has been sent several invitations within the last hour. Invite it again later.'
    throw new GatehouseError('too_many_requests', message, { retryAfterSeconds: 3600 })
  }
  await recordAuditEvent(tx, {
    actor: invitedBy.id,
    action: 'invitation.created',
    subject: `invitation ${organization.slug}/${email}`,
    organizationId: organization.id,
    after: { email, admin, teams: teamIds },
  })
  await outbox.enqueueMail(tx, {
    to: email,
    template: 'invitation',
    locals: {
      linkPath: mailLinkPath(invitationPage, token),
      organizationName: organization.name,
      invitedBy: invitedBy.name,
    },
    organizationId: organization.id,
  })
  return { id }
}

/** A team of another organization is as unknown as one that never was. */
async function requireTeams(tx: Queryable, organizationId: string, teamIds: readonly string[]): Promise<void> {
  const found = await listTeamIds(tx, organizationId, teamIds)
  if (found.length === teamIds.length) return
  const message = 'must be teams of this organization'
  throw new GatehouseError('validation_failed', 'There is no such team in this organization.', {
    fields: [{ path: 'teams', message }],
  })
}

async function requireNoMember(tx: Queryable, organizationId: string, email: string): Promise<void> {
  const member = await tx
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .select('m.deactivatedAt')
    .where('m.organizationId', '=', organizationId)
    .where(sql<string>`lower(u.email)`, '=', email.toLowerCase())
    .executeTakeFirst()
  if (!member) return
  const deactivated = member.deactivatedAt !== null
  throw new GatehouseError(
    'conflict',
    deactivated ? 'They are a deactivated member. Activate them again instead.' : 'They are a member already.',
  )
}

/** One open invitation for an address and organization: of two at the same moment, the later one replaces the other. */
async function saveInvitation(
  tx: Queryable,
  invitation: Omit<InvitationRequest, 'organization'> & { organizationId: string },
): Promise<string> {
  const { organizationId, email, admin, teamIds, invitedBy } = invitation
  const offered = { admin, teamIds: toJson(teamIds), invitedBy: invitedBy.id }
  const { id } = await tx
    .insertInto('invitations')
    .values({ id: newId('invitation'), organizationId, email, ...offered, acceptedAt: null, withdrawnAt: null })
    .onConflict((conflict) =>
      conflict
        .expression(sql`organization_id, lower(email)`)
        .where('acceptedAt', 'is', null)
        .where('withdrawnAt', 'is', null)
        .doUpdateSet({ ...offered, createdAt: sql<Date>`now()` }),
    )
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}
