import { memberSubject } from '#directory/users/audit-subjects.ts'
import { type AuditActor, recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization, User } from '#foundation/database/schema.ts'

/**
 * Makes a person a member, without any grant.
 * @returns the membership's id; undefined when there was one already, which stays as it is
 */
export async function joinOrganization(
  tx: Queryable,
  place: {
    organization: Pick<Organization, 'id' | 'slug'>
    user: Pick<User, 'id' | 'email'>
    admin: boolean
    actor: AuditActor
  },
): Promise<string | undefined> {
  const { organization, user, admin, actor } = place
  const inserted = await tx
    .insertInto('memberships')
    .values({
      id: newId('membership'),
      organizationId: organization.id,
      userId: user.id,
      admin,
      deactivatedAt: null,
    })
    .onConflict((conflict) => conflict.constraint('memberships_user_unique').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (!inserted) return undefined
  await recordAuditEvent(tx, {
    actor,
    action: 'member.added',
    subject: memberSubject(user),
    organizationId: organization.id,
    after: { admin },
  })
  return inserted.id
}
