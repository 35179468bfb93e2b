import { hashNewPassword } from '#authentication/passwords/set-password.ts'
import { type Administrator, refuseApiKey, requireSuperadmin } from '#directory/users/actor.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { insertUsers } from '#directory/users/save-user.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { mailPasswordReset } from './reset-password.ts'

export interface NewUserRequest {
  email: string
  name: string
  superadmin: boolean
  /** Undefined: a link is mailed, by which they choose their first one. */
  password: string | undefined
}

/**
 * Makes an account for a person, whose address counts as verified: who runs the deployment vouches for it, as in a setup
 * file.
 * @throws GatehouseError permission_denied unless the actor is a superadmin, and for a superadmin made with an API key;
 *   conflict when the address has an account; validation_failed for `password`
 */
export async function createUser(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  actor: Administrator,
  { email, name, superadmin, password }: NewUserRequest,
): Promise<{ id: string; email: string; name: string }> {
  requireSuperadmin(actor)
  if (superadmin) refuseApiKey(actor)
  const user = { id: newId('user'), email, name }
  const passwordHash = password === undefined ? null : await hashNewPassword(password, { email, organizations: [] })
  return inTransaction(db, async (tx) => {
    await insertUsers(tx, [{ ...user, passwordHash, superadmin, emailVerified: true, active: true }]).catch(refuseTaken)
    const after = { email, name, superadmin }
    await recordAuditEvent(tx, { actor, action: 'user.created', subject: userSubject(user), after })
    if (password === undefined) await mailPasswordReset({ db: tx, outbox }, actor, user.id)
    return user
  })
}

function refuseTaken(error: unknown): never {
  if (!violates(error, 'users_email_unique')) throw error
  const fields = [{ path: 'email', message: 'has an account already' }]
  throw new GatehouseError('conflict', 'This address has an account already.', { fields })
}
