import { sql } from 'kysely'
import { z } from 'zod'
import { mailLinkPath, makeMailLink } from '#authentication/mail-links/mail-link.ts'
import { listTeamIds } from '#directory/access/team-queries.ts'
import { type Administrator, isByApiKey, personIdOf, requireAdminOf, shownNameOf } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { inTransaction, type Queryable, toJson } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { parse } from '#foundation/http/parse.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'

import { emailAddress, emailKey } from '#foundation/values/email-address.ts'
import { lockOpenInvitation } from './invitation-queries.ts'

/** Where the link leads. */
export const invitationPage = '/invitation'

export interface InvitationRequest {
  email: string
  admin: boolean
  /** Of teams of this organization. */
  teamIds: readonly string[]
}

export interface InvitationParts {
  db: Queryable
  outbox: MailOutbox
}

/**
 * Invites a person into an organization by mail. Inviting them again replaces what was offered and mails a new link;
 * the older one ends. Whether the address has an account is not told.
 * @throws GatehouseError permission_denied unless the actor manages the organization, and for an administrator invited
 *   with an API key; validation_failed for `email` or `teams`; conflict when they are a member already;
 *   too_many_requests when the mailbox has had its share of invitations for this hour
 */
export function inviteMember(
  { db, outbox }: InvitationParts,
  actor: Administrator,
  organization: InvitingOrganization,
  request: InvitationRequest,
): Promise<{ id: string }> {
  requireAdminOf(actor, organization.id)
  requireMayOffer(actor, request)
  const { email } = parse(z.object({ email: emailAddress }), request)
  const { admin } = request
  const teamIds = [...new Set(request.teamIds)]
  return inTransaction(db, async (tx) => {
    await requireTeams(tx, organization.id, teamIds)
    await requireNoMember(tx, organization.id, email)
    const id = await saveInvitation(tx, { organizationId: organization.id, email, admin, teamIds, actor })
    await mailInvitation(tx, outbox, { id, email, organization, actor })
    await recordAuditEvent(tx, {
      actor,
      action: 'invitation.created',
      subject: { kind: 'invitation', id, name: email },
      organizationId: organization.id,
      after: { email, admin, teams: teamIds },
    })
    return { id }
  })
}

/**
 * Mails the link of an open invitation anew; the older link ends.
 * @throws GatehouseError permission_denied as for inviting, not_found, too_many_requests
 */
export function resendInvitation(
  { db, outbox }: InvitationParts,
  actor: Administrator,
  organization: InvitingOrganization,
  invitationId: string,
): Promise<void> {
  requireAdminOf(actor, organization.id)
  return inTransaction(db, async (tx) => {
    const open = await lockOpenInvitation(tx, { organizationId: organization.id, id: invitationId })
    if (!open) throw new GatehouseError('not_found', 'There is no such open invitation.')
    requireMayOffer(actor, open)
    await mailInvitation(tx, outbox, { id: invitationId, email: open.email, organization, actor })
    await recordAuditEvent(tx, {
      actor,
      action: 'invitation.resent',
      subject: { kind: 'invitation', id: invitationId, name: open.email },
      organizationId: organization.id,
    })
  })
}

export type InvitingOrganization = Pick<Organization, 'id' | 'slug' | 'name'>

/** @throws GatehouseError permission_denied */
function requireMayOffer(actor: Administrator, { admin }: { admin: boolean }): void {
  if (admin && isByApiKey(actor)) {
    throw new GatehouseError('permission_denied', 'An API key invites nobody as an administrator.')
  }
}

async function mailInvitation(
  tx: Queryable,
  outbox: MailOutbox,
  sent: { id: string; email: string; organization: InvitingOrganization; actor: Administrator },
): Promise<void> {
  const { id, email, organization, actor } = sent
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
  await outbox.enqueueMail(tx, {
    to: email,
    template: 'invitation',
    locals: {
      linkPath: mailLinkPath(invitationPage, token),
      organizationName: organization.name,
      invitedBy: shownNameOf(actor),
    },
    organizationId: organization.id,
  })
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
    .where(sql<string>`lower(u.email)`, '=', emailKey(email))
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
  invitation: InvitationRequest & { organizationId: string; actor: Administrator },
): Promise<string> {
  const { organizationId, email, admin, teamIds, actor } = invitation
  const offered = { admin, teamIds: toJson(teamIds), invitedBy: personIdOf(actor) }
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
