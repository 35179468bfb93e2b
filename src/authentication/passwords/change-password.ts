import { type AccountOwner, requireFreshSignIn } from '#directory/users/actor.ts'
import { findActiveUser, lockActiveUser } from '#directory/users/user-queries.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { passwordOwner } from './password-owner.ts'
import { hashNewPassword, setPassword } from './set-password.ts'

/**
 * Gives a signed-in person a new password. Every other session of theirs ends, and every grant that another one gave.
 * @throws GatehouseError permission_denied without a fresh sign-in; validation_failed for `password`, in words for the
 *   person; not_found once they are deactivated
 */
export async function changePassword(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  actor: AccountOwner,
  password: string,
): Promise<void> {
  requireFreshSignIn(actor)
  const { sessionUid } = actor
  const owner = required(await findActiveUser(db, actor.user.id))
  const passwordHash = await hashNewPassword(password, await passwordOwner(db, owner))
  await inTransaction(db, async (tx) => {
    const user = required(await lockActiveUser(tx, actor.user.id))
    await setPassword(tx, outbox, { user, passwordHash, action: 'user.password_changed', exceptSessionUid: sessionUid })
  })
}

function required<T>(user: T | undefined): T {
  if (!user) throw new GatehouseError('not_found', 'This account is not in use any more.')
  return user
}
