import { type Administrator, isByApiKey, requireAdminOf } from '#directory/users/actor.ts'
import { memberSubject } from '#directory/users/audit-subjects.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Organization, User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { holdAdministrators, lastHolders } from './last-administrators.ts'
import { findMembership, listActiveAdmins, type NamedMembership } from './membership-queries.ts'
import { type MembershipEdit, removeMemberships, updateMembership } from './save-membership.ts'

/** Whose members are managed, and by whom. */
export interface MemberManagement {
  organization: Pick<Organization, 'id' | 'slug'>
  actor: Administrator
}

/**
 * Makes a member an administrator or an ordinary member, switches them off or on again; what they have open stops, or
 * works again, at once.
 * @throws GatehouseError permission_denied, also when an API key changes an administrator; not_found; conflict for the
 *   organization's last active administrator
 */
export async function changeMember(
  db: Queryable,
  management: MemberManagement,
  idOrEmail: string,
  edit: MembershipEdit,
): Promise<NamedMembership> {
  const { organization, actor } = management
  return inTurn(db, management, idOrEmail, async (tx, member) => {
    const before = { admin: member.admin, active: member.deactivatedAt === null }
    const after = { admin: edit.admin ?? before.admin, active: edit.active ?? before.active }
    if (after.admin === before.admin && after.active === before.active) return member
    requireMayChange(actor, member, after)
    if (!after.admin || !after.active) await requireOtherAdmin(tx, member)
    await updateMembership(tx, member, after.active === before.active ? { admin: after.admin } : after)
    await recordAuditEvent(tx, { ...eventOf(management, member), action: 'member.updated', before, after })
    return requireMembership(tx, organization.id, member.userId)
  })
}

/**
 * Takes a member out of the organization with their grants, teams, keys and tokens there. The account stays.
 * @throws GatehouseError as `changeMember`
 */
export async function removeMember(db: Queryable, management: MemberManagement, idOrEmail: string): Promise<void> {
  const { actor } = management
  await inTurn(db, management, idOrEmail, async (tx, member) => {
    requireMayChange(actor, member, { admin: false })
    await remove(tx, management, member)
  })
}

/**
 * The same by a member who goes by themselves.
 * @throws GatehouseError not_found; conflict for the organization's last active administrator
 */
export async function leaveOrganization(
  db: Queryable,
  { user, organization }: { user: User; organization: Pick<Organization, 'id' | 'slug'> },
): Promise<void> {
  await inTransaction(db, async (tx) => {
    await holdAdministrators(tx)
    const actor = { user, organizationId: organization.id, isAdmin: false }
    await remove(tx, { organization, actor }, await requireMembership(tx, organization.id, user.id))
  })
}

async function remove(tx: Queryable, management: MemberManagement, member: NamedMembership): Promise<void> {
  await requireOtherAdmin(tx, member)
  await removeMemberships(tx, management.organization.id, [member.id])
  const before = { admin: member.admin, active: member.deactivatedAt === null }
  await recordAuditEvent(tx, { ...eventOf(management, member), action: 'member.removed', before })
}

/** One change at a time, each with the member as the one before has left them. */
async function inTurn<T>(
  db: Queryable,
  { organization, actor }: MemberManagement,
  idOrEmail: string,
  change: (tx: Queryable, member: NamedMembership) => Promise<T>,
): Promise<T> {
  requireAdminOf(actor, organization.id)
  return inTransaction(db, async (tx) => {
    await holdAdministrators(tx)
    return change(tx, await requireMembership(tx, organization.id, idOrEmail))
  })
}

/** A key may be in other hands than its owner's: it neither makes administrators nor takes them away. */
function requireMayChange(actor: Administrator, member: NamedMembership, after: { admin: boolean }): void {
  if (isByApiKey(actor) && (member.admin || after.admin)) {
    throw new GatehouseError(
      'permission_denied',
      'An API key changes no administrators. Sign in, or use an access token.',
    )
  }
}

async function requireOtherAdmin(tx: Queryable, { id, organizationId }: NamedMembership): Promise<void> {
  const admins = await listActiveAdmins(tx, organizationId)
  if (!lastHolders(admins, new Set([id])).has(id)) return
  throw new GatehouseError('conflict', 'This is the last administrator of the organization. Make another one first.')
}

/** @throws GatehouseError not_found */
export async function requireMembership(
  tx: Queryable,
  organizationId: string,
  idOrEmail: string,
): Promise<NamedMembership> {
  const member = await findMembership(tx, organizationId, idOrEmail)
  if (!member) throw new GatehouseError('not_found', 'There is no such member in this organization.')
  return member
}

function eventOf({ organization, actor }: MemberManagement, { userId, email }: NamedMembership) {
  return { actor, subject: memberSubject({ id: userId, email }), organizationId: organization.id }
}
