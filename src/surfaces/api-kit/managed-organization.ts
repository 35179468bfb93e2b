import { findOrganization } from '#directory/organizations/organization-queries.ts'
import { type Actor, requireAdmin } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization, User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { actorOf } from './acting-caller.ts'
import type { AuthenticatedCaller } from './authenticated-caller.ts'

/**
 * The organization of `/v1/organizations/{org}/…`, for those who may manage it: its admins with a credential that acts
 * in it, and superadmins.
 * @throws GatehouseError not_found for another's organization as for none, permission_denied for a plain member
 */
export async function requireManagedOrganization(
  db: Queryable,
  caller: AuthenticatedCaller,
  slugOrId: string,
): Promise<{ organization: Organization; user: User; actor: Actor }> {
  const actor = await actorOf(db, caller)
  const organization = await findOrganization(db, slugOrId)
  if (!organization || (organization.id !== actor.organizationId && !actor.user.superadmin)) {
    throw new GatehouseError('not_found', 'There is no such organization.')
  }
  requireAdmin(actor)
  return { organization, user: actor.user, actor }
}
