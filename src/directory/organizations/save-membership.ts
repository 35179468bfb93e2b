import { sql } from 'kysely'
import { revokeAllOfMembers } from '#credentials/revocation/revocation.ts'
import type { Queryable } from '#foundation/database/database.ts'

const now = sql<Date>`now()`

/** A membership as it is first written, without grants; ids come from `newId('membership')`. */
export interface NewMembership {
  id: string
  organizationId: string
  userId: string
  admin: boolean
  active: boolean
}

/** Only what is given is changed. */
export interface MembershipEdit {
  admin?: boolean
  active?: boolean
}

/** @throws on `memberships_user_unique` when a user is a member already */
export async function insertMemberships(tx: Queryable, memberships: readonly NewMembership[]): Promise<void> {
  if (memberships.length === 0) return
  await tx
    .insertInto('memberships')
    .values(memberships.map(({ active, ...membership }) => ({ ...membership, deactivatedAt: active ? null : now })))
    .execute()
}

/** A deactivated membership's tokens and keys stop at once: this row is read when a credential is resolved. */
export async function updateMembership(
  tx: Queryable,
  membership: { id: string; organizationId: string },
  { active, ...edit }: MembershipEdit,
): Promise<void> {
  await tx
    .updateTable('memberships')
    .set({ ...edit, ...(active !== undefined && { deactivatedAt: active ? null : now }) })
    .where('organizationId', '=', membership.organizationId)
    .where('id', '=', membership.id)
    .execute()
}

/**
 * Removes memberships with their grants and their places in teams, and revokes what was issued to those people in that
 * organization: should one be a member again some day, no old key or token comes back to life.
 */
export async function removeMemberships(
  tx: Queryable,
  organizationId: string,
  membershipIds: readonly string[],
): Promise<void> {
  if (membershipIds.length === 0) return
  const removed = await tx
    .deleteFrom('memberships')
    .where('organizationId', '=', organizationId)
    .where('id', 'in', membershipIds)
    .returning('userId')
    .execute()
  await revokeAllOfMembers(
    tx,
    organizationId,
    removed.map((membership) => membership.userId),
  )
}
