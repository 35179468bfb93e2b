import { type Administrator, requireSuperadmin } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { claimName, isTaken } from './organization-names.ts'
import { findOrganization } from './organization-queries.ts'
import { insertOrganizations } from './save-organization.ts'

export interface OrganizationInput {
  slug: string
  name: string
  logoUrl?: string | null | undefined
  accentColor?: string | null | undefined
  defaultLocale?: string | null | undefined
}

/**
 * Makes an organization without members; its first administrator is invited. (People found theirs themselves where
 * signing up is open: `found-organization.ts`.)
 * @throws GatehouseError permission_denied; conflict for a slug that is taken or looks like another's; validation_failed for
 *   `name` where it looks like another's
 */
export async function createOrganization(
  db: Queryable,
  actor: Administrator,
  { slug, name, logoUrl = null, accentColor = null, defaultLocale = null }: OrganizationInput,
): Promise<Organization> {
  requireSuperadmin(actor)
  const id = newId('organization')
  try {
    return await inTransaction(db, async (tx) => {
      await claimName(tx, name, { field: 'name' })
      if (await isTaken(tx, slug)) throw slugTaken()
      const look = { logoUrl, accentColor, defaultLocale }
      await insertOrganizations(tx, [{ id, slug, name, ...look, joinByDomain: false, active: true }])
      await recordAuditEvent(tx, {
        actor,
        action: 'organization.created',
        subject: { kind: 'organization', id, name: slug },
        organizationId: id,
        after: { slug, name, logo_url: logoUrl, accent_color: accentColor, default_locale: defaultLocale },
      })
      return (await findOrganization(tx, id))!
    })
  } catch (error) {
    if (violates(error, 'organizations_slug_unique')) throw slugTaken()
    throw error
  }
}

function slugTaken(): GatehouseError {
  return new GatehouseError('conflict', 'An organization of this slug exists already, or one whose name looks like it.')
}
