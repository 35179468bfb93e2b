import { sql } from 'kysely'
import { recordAuditEvent } from '../audit/record-audit-event.ts'
import type { Queryable } from '../database/database.ts'
import type { User } from '../database/schema.ts'
import { GatehouseError } from '../errors.ts'
import type { MailOutbox } from '../mail/outbox.ts'
import { endLinksOfUser } from '../users/mail-link.ts'
import { endOtherSessions } from '../users/sessions.ts'
import { hashPassword } from './password.ts'
import { passwordProblem } from './password-rules.ts'

/**
 * The hash of a password that somebody has chosen. Made before the transaction that stores it: hashing waits for its
 * turn, and no row should be locked meanwhile.
 * @throws GatehouseError validation_failed for `password`; temporarily_unavailable when too many hashes are waiting
 */
export async function hashNewPassword(password: string, email: string): Promise<string> {
  const message = passwordProblem(password, email)
  if (message) throw new GatehouseError('validation_failed', message, { fields: [{ path: 'password', message }] })
  return hashPassword(password)
}

/**
 * Stores a new password and ends whatever the old one, or a thief of it, may have left open: other sessions with all
 * that they gave, sign-ins that are not finished yet (`oidc/outdated-logins.ts`), and links that would change password or
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
  },
): Promise<void> {
  const { user, passwordHash, action, exceptSessionUid } = change
  await tx
    .updateTable('users')
    .set({ passwordHash, passwordChangedAt: sql<Date>`now()` })
    .where('id', '=', user.id)
    .execute()
  await endOtherSessions(tx, user.id, exceptSessionUid)
  await endLinksOfUser(tx, user.id)
  await recordAuditEvent(tx, { actor: user.id, action, subject: `user ${user.email}` })
  await outbox.enqueueMail(tx, {
    to: user.email,
    template: 'password-changed',
    locals: { changedAt: new Date().toISOString() },
  })
}
