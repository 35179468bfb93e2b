import { type Administrator, requireSuperadmin } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { claimName, isTaken } from './organization-names.ts'
import { insertOrganizations } from './save-organization.ts'

/**
 * Makes an organization that nobody belongs to yet: its first administrator is invited.
 * @throws GatehouseError permission_denied unless the actor is a superadmin; conflict for a slug that another has, or
 *   that looks like another's name; validation_failed for such a name
 */
export function createOrganization(
  db: Queryable,
  actor: Administrator,
  { slug, name }: { slug: string; name: string },
): Promise<Pick<Organization, 'id' | 'slug' | 'name'>> {
  requireSuperadmin(actor)
  const organization = { id: newId('organization'), slug, name }
  return inTransaction(db, async (tx) => {
    await claimName(tx, name)
    if (await isTaken(tx, slug)) throw slugTaken()
    const plain = { logoUrl: null, accentColor: null, joinByDomain: false, active: true }
    await insertOrganizations(tx, [{ ...organization, ...plain }]).catch((error) => {
      throw violates(error, 'organizations_slug_unique') ? slugTaken() : error
    })
    await recordAuditEvent(tx, {
      actor,
      action: 'organization.created',
      subject: { kind: 'organization', id: organization.id, name: slug },
      organizationId: organization.id,
      after: { slug, name },
    })
    return organization
  })
}

function slugTaken(): GatehouseError {
  const fields = [{ path: 'slug', message: 'belongs to another organization, or looks like its name' }]
  return new GatehouseError('conflict', 'An organization of this slug or name exists already.', { fields })
}
