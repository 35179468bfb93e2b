import { sql } from 'kysely'
import { endLinksOfInvitation } from '#authentication/mail-links/mail-link.ts'
import { type Administrator, requireAdminOf } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { lockOpenInvitation } from './invitation-queries.ts'
import type { InvitingOrganization } from './invite-member.ts'

/**
 * Takes an invitation back; its link is dead at once.
 * @throws GatehouseError permission_denied unless the actor manages the organization; not_found when it has no such open
 *   invitation
 */
export function withdrawInvitation(
  { db }: { db: Queryable },
  actor: Administrator,
  organization: InvitingOrganization,
  id: string,
): Promise<void> {
  requireAdminOf(actor, organization.id)
  return inTransaction(db, async (tx) => {
    const open = await lockOpenInvitation(tx, { organizationId: organization.id, id })
    if (!open) throw new GatehouseError('not_found', 'There is no such open invitation.')
    const { email, admin, teamIds } = open
    await tx
      .updateTable('invitations')
      .set({ withdrawnAt: sql<Date>`now()` })
      .where('organizationId', '=', organization.id)
      .where('id', '=', id)
      .execute()
    await endLinksOfInvitation(tx, { organizationId: organization.id, email })
    await recordAuditEvent(tx, {
      actor,
      action: 'invitation.withdrawn',
      subject: { kind: 'invitation', id, name: email },
      organizationId: organization.id,
      before: { email, admin, teams: teamIds },
    })
  })
}
