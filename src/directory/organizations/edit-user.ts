import { type Administrator, refuseApiKey, requireSuperadmin } from '#directory/users/actor.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { updateUser } from '#directory/users/save-user.ts'
import { listSuperadminIds, requireUser } from '#directory/users/user-queries.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { changedFields } from '#foundation/values/changed-fields.ts'
import { holdAdministrators, lastHolders } from './last-administrators.ts'
import { listLastAdmins } from './membership-queries.ts'

/** Only what is given is changed. */
export interface AccountEdit {
  name?: string | undefined
  superadmin?: boolean | undefined
  active?: boolean | undefined
}

/**
 * Changes a person's account for them. Switched off, all that opens it rests at once, until it is active again.
 * @throws GatehouseError permission_denied, also when an API key changes a superadmin; not_found; conflict for the last
 *   superadmin, and for the last admin of an organization
 */
export async function editUser(
  db: Queryable,
  actor: Administrator,
  idOrEmail: string,
  { name, superadmin, active }: AccountEdit,
): Promise<User> {
  requireSuperadmin(actor)
  return inTransaction(db, async (tx) => {
    await holdAdministrators(tx)
    const user = await requireUser(tx, idOrEmail)
    const current = { name: user.name, superadmin: user.superadmin, active: user.deactivatedAt === null }
    const edit = {
      ...(name !== undefined && { name }),
      ...(superadmin !== undefined && { superadmin }),
      ...(active !== undefined && { active }),
    }
    const changes = changedFields(current, edit)
    if (!changes) return user
    const after = { ...current, ...edit }
    if (user.superadmin || after.superadmin) refuseApiKey(actor)
    await requireOthers(tx, user, after)
    await updateUser(tx, user.id, edit)
    await recordAuditEvent(tx, { actor, action: 'user.updated', subject: userSubject(user), ...changes })
    return requireUser(tx, user.id)
  })
}

/**
 * Nobody is left without those who could help.
 * @throws GatehouseError conflict for the last superadmin, and for the last admin of an organization
 */
export async function requireOthers(
  tx: Queryable,
  user: User,
  after: { superadmin: boolean; active: boolean },
): Promise<void> {
  if (user.superadmin && !(after.superadmin && after.active)) {
    const holders = await listSuperadminIds(tx)
    if (lastHolders(holders, new Set([user.id])).has(user.id)) {
      throw new GatehouseError('conflict', 'This is the last superadmin. Make another one first.')
    }
  }
  if (!after.active && (await listLastAdmins(tx, [user.id])).length > 0) {
    throw new GatehouseError('conflict', 'This is the last administrator of an organization. Make another one first.')
  }
}
