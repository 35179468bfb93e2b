import { endLinksOfUser } from '#authentication/mail-links/mail-link.ts'
import { endOtherSessions } from '#credentials/revocation/revocation.ts'
import type { Administrator } from '#directory/users/actor.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { setPasswordHash } from '#directory/users/save-user.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { hashPassword } from './password.ts'
import { type PasswordOwner, passwordProblem } from './password-rules.ts'

/**
 * The hash of a password that a person has chosen. Made before the transaction that stores it: hashing waits for its
 * turn, and no row should be locked meanwhile.
 * @throws GatehouseError validation_failed for `password`; temporarily_unavailable when too many hashes are waiting
 */
export async function hashNewPassword(password: string, owner: PasswordOwner): Promise<string> {
  const message = passwordProblem(password, owner)
  if (message) throw new GatehouseError('validation_failed', message, { fields: [{ path: 'password', message }] })
  return hashPassword(password)
}

/**
 * Stores a new password and ends whatever the old one, or a thief of it, may have left open: other sessions with all
 * that they gave, sign-ins that are not finished yet (`protocol/library/outdated-logins.ts`), and links that would change password or
 * address. The person is told by mail.
 */
export async function setPassword(
  tx: Queryable,
  outbox: MailOutbox,
  change: {
    user: Pick<User, 'id' | 'email'>
    passwordHash: string
    action: 'user.password_changed' | 'user.password_reset'
    /** The session in which the person sits now. */
    exceptSessionUid?: string
    /** Who gave it to them; without one, they chose it themselves. */
    actor?: Administrator
  },
): Promise<void> {
  const { user, passwordHash, action, exceptSessionUid, actor = { user } } = change
  await setPasswordHash(tx, user.id, passwordHash)
  await endOtherSessions(tx, user.id, exceptSessionUid)
  await endLinksOfUser(tx, user.id)
  await recordAuditEvent(tx, { actor, action, subject: userSubject(user) })
  await outbox.enqueueMail(tx, {
    to: user.email,
    template: 'password-changed',
    locals: { changedAt: new Date().toISOString() },
  })
}
