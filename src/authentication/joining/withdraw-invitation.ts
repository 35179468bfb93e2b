import { sql } from 'kysely'
import { endLinksOfInvitation } from '#authentication/mail-links/mail-link.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'

/**
 * Takes an invitation back; its link is dead at once.
 * @throws GatehouseError not_found when the organization has no such open invitation
 */
export async function withdrawInvitation(
  tx: Queryable,
  request: { organization: Pick<Organization, 'id' | 'slug'>; invitationId: string; actor: string },
): Promise<void> {
  const { organization, invitationId, actor } = request
  const withdrawn = await tx
    .updateTable('invitations')
    .set({ withdrawnAt: sql<Date>`now()` })
    .where('organizationId', '=', organization.id)
    .where('id', '=', invitationId)
    .where('acceptedAt', 'is', null)
    .where('withdrawnAt', 'is', null)
    .returning(['email', 'admin', 'teamIds'])
    .executeTakeFirst()
  if (!withdrawn) throw new GatehouseError('not_found', 'There is no such open invitation.')
  const { email, admin, teamIds } = withdrawn
  await endLinksOfInvitation(tx, { organizationId: organization.id, email })
  await recordAuditEvent(tx, {
    actor,
    action: 'invitation.withdrawn',
    subject: `invitation ${organization.slug}/${email}`,
    organizationId: organization.id,
    before: { email, admin, teams: teamIds },
  })
}
