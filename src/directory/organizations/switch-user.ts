import { type Administrator, refuseApiKey, requireSuperadmin } from '#directory/users/actor.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { updateUser } from '#directory/users/save-user.ts'
import { listSuperadminIds, listUsers } from '#directory/users/user-queries.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { holdAdministrators, lastHolders } from './last-administrators.ts'
import { listLastAdmins } from './membership-queries.ts'

/**
 * Switches a person off everywhere, or on again: what they have open stops, or works again, at once.
 * @throws GatehouseError permission_denied unless the actor is a superadmin, and for an API key; not_found; conflict for
 *   the last active superadmin, and for an organization's last active administrator
 */
export function switchUser(
  db: Queryable,
  actor: Administrator,
  userId: string,
  { active }: { active: boolean },
): Promise<User> {
  requireSuperadmin(actor)
  refuseApiKey(actor)
  return inTransaction(db, async (tx) => {
    await holdAdministrators(tx)
    const user = await requireUser(tx, userId)
    if ((user.deactivatedAt === null) === active) return user
    if (!active) await requireNotLast(tx, user)
    await updateUser(tx, userId, { active })
    const change = { before: { active: !active }, after: { active } }
    await recordAuditEvent(tx, { actor, action: 'user.updated', subject: userSubject(user), ...change })
    return requireUser(tx, userId)
  })
}

async function requireNotLast(tx: Queryable, { id, superadmin }: User): Promise<void> {
  if (superadmin && lastHolders(await listSuperadminIds(tx), new Set([id])).has(id)) {
    throw new GatehouseError('conflict', 'This is the last superadmin. Make another one first.')
  }
  if ((await listLastAdmins(tx, [id])).length > 0) {
    throw new GatehouseError('conflict', 'This is the last administrator of an organization. Make another one first.')
  }
}

async function requireUser(tx: Queryable, id: string): Promise<User> {
  const [user] = await listUsers(tx, { ids: [id], emails: [] })
  if (!user) throw new GatehouseError('not_found', 'There is no such user.')
  return user
}
