import { findOrganizationEvenSuspended } from '#directory/organizations/organization-queries.ts'
import { type Actor, requireAdmin } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'

/**
 * The organization of `/v1/organizations/{org}/…`, for those who act in it and for superadmins.
 * @throws GatehouseError not_found for another's organization as for none
 */
export async function requireOwnOrganization(db: Queryable, actor: Actor, slugOrId: string): Promise<Organization> {
  // A suspended one is found by who may wake it up; the credential of a member of it is none meanwhile.
  const organization = await findOrganizationEvenSuspended(db, slugOrId)
  const isOpen = organization?.id === actor.organizationId || (actor.isAdmin && actor.user.superadmin)
  if (organization && isOpen) return organization
  throw new GatehouseError('not_found', 'There is no such organization.')
}

/** The same for those who may manage it. @throws GatehouseError not_found; permission_denied for a plain member */
export async function requireManagedOrganization(db: Queryable, actor: Actor, slugOrId: string): Promise<Organization> {
  const organization = await requireOwnOrganization(db, actor, slugOrId)
  requireAdmin(actor)
  return organization
}
