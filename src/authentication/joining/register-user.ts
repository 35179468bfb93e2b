import { z } from 'zod'
import { type PasswordOwner, passwordProblem } from '#authentication/passwords/password-rules.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { insertUsers } from '#directory/users/save-user.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { displayName } from '#foundation/values/names.ts'

/** What a form for a new account asks of the person who has proven the mailbox. */
export function newAccountFields(owner: PasswordOwner) {
  return z.object({
    name: displayName,
    password: z.string().check(({ value, issues }) => {
      const message = passwordProblem(value, owner)
      if (message) issues.push({ code: 'custom', message, input: value })
    }),
  })
}

/**
 * Writes a user whose mailbox a link has proven. @throws on `users_email_unique` when the address is taken by now
 */
export async function insertVerifiedUser(
  tx: Queryable,
  user: { id: string; email: string; name: string; passwordHash: string },
): Promise<void> {
  await insertUsers(tx, [{ ...user, emailVerified: true, superadmin: false, active: true }])
  const { email, name } = user
  const after = { email, name }
  await recordAuditEvent(tx, { actor: { user }, action: 'user.created', subject: userSubject(user), after })
}
