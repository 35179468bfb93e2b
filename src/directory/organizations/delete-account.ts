import { type AccountOwner, requireFreshSignIn } from '#directory/users/actor.ts'
import { memberSubject, userSubject } from '#directory/users/audit-subjects.ts'
import { deleteUser } from '#directory/users/save-user.ts'
import { requireUser } from '#directory/users/user-queries.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { requireOthers } from './edit-user.ts'
import { holdAdministrators } from './last-administrators.ts'
import { listMembershipsOf } from './membership-queries.ts'

/**
 * Deletes a person's own account with all that hangs on it: memberships, sessions, grants, tokens, API keys, linked
 * identities. Both logs keep what they have told of it, under the names of that time.
 * @throws GatehouseError permission_denied without a fresh sign-in; conflict for the last superadmin, and for the last
 *   admin of an organization
 */
export async function deleteOwnAccount(db: Queryable, owner: AccountOwner): Promise<void> {
  requireFreshSignIn(owner)
  await inTransaction(db, async (tx) => {
    await holdAdministrators(tx)
    const user = await requireUser(tx, owner.user.id)
    await requireOthers(tx, user, { superadmin: false, active: false })
    const memberships = await listMembershipsOf(tx, user.id)
    for (const { organizationId, admin } of memberships) {
      const subject = memberSubject(user)
      await recordAuditEvent(tx, {
        actor: { user },
        action: 'member.removed',
        subject,
        organizationId,
        before: { admin },
      })
    }
    await deleteUser(tx, user.id)
    await recordAuditEvent(tx, { actor: { user }, action: 'user.deleted', subject: userSubject(user) })
  })
}
