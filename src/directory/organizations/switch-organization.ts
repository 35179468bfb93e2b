import { type Administrator, requireSuperadmin } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { holdOrganization } from './organization-queries.ts'
import { updateOrganization } from './save-organization.ts'

/**
 * Suspends an organization, or activates it again: all that is for it rests, or works again, at once.
 * @throws GatehouseError permission_denied unless the actor is a superadmin; not_found
 */
export function switchOrganization(
  db: Queryable,
  actor: Administrator,
  organizationId: string,
  { active }: { active: boolean },
): Promise<Organization> {
  requireSuperadmin(actor)
  return inTransaction(db, async (tx) => {
    const organization = await requireHeld(tx, organizationId)
    if ((organization.suspendedAt === null) === active) return organization
    await updateOrganization(tx, organizationId, { active })
    await recordAuditEvent(tx, {
      actor,
      action: active ? 'organization.activated' : 'organization.suspended',
      subject: { kind: 'organization', id: organizationId, name: organization.slug },
      organizationId,
      before: { active: !active },
      after: { active },
    })
    return requireHeld(tx, organizationId)
  })
}

async function requireHeld(tx: Queryable, id: string): Promise<Organization> {
  const organization = await holdOrganization(tx, id)
  if (!organization) throw new GatehouseError('not_found', 'There is no such organization.')
  return organization
}
