import { voidUnprovenCredentials } from '#authentication/connections/unproven-credentials.ts'
import {
  consumeMailLinkOfUser,
  findMailLink,
  isOwnMailbox,
  mailLinkPath,
  makeMailLink,
} from '#authentication/mail-links/mail-link.ts'
import { passwordOwner } from '#authentication/passwords/password-owner.ts'
import { hashNewPassword, setPassword } from '#authentication/passwords/set-password.ts'
import { markEmailVerified } from '#directory/users/save-user.ts'
import { findActiveUser, findUserByEmail } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'

/** Where the link leads. */
export const newPasswordPage = '/new-password'

/**
 * Mails a link to whoever forgot their password. For an address that nobody has, or whose owner can't use a password,
 * the same statements run and the mail is dropped where it would be sent, so neither answer nor time tells the two apart.
 * @throws GatehouseError validation_failed when `email` is not one address
 */
export async function requestPasswordReset(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  email: string,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const user = await findUserByEmail(tx, email)
    const resettable = user !== undefined && maySetPasswordByMail(user)
    const token = await makeMailLink(tx, {
      purpose: 'reset_password',
      email: user?.email ?? email,
      ...(resettable && { userId: user.id }),
    })
    if (!token) return
    await outbox.enqueueMail(tx, {
      to: user?.email ?? email,
      template: 'reset-password',
      locals: { linkPath: mailLinkPath(newPasswordPage, token) },
      decoy: !resettable,
    })
  })
}

/** The person whom a link lets choose a new password; undefined when the link does not work any more. */
export async function findPasswordReset(db: Queryable, token: string): Promise<User | undefined> {
  const link = await findMailLink(db, 'reset_password', token)
  const user = link?.userId ? await findActiveUser(db, link.userId) : undefined
  return link && user && isOwnMailbox(link, user) ? user : undefined
}

/**
 * Sets the password that somebody has chosen through a link: it proves the mailbox, so the address counts as verified.
 * All sessions and grants of the person end at once, whoever holds them. Where nobody had proven the address before, and
 * no session of the account is in the same browser, all that opened the account is void too.
 * @param proof.sessionUserId who is signed in where the link was opened
 * @returns undefined when the link does not work any more
 * @throws GatehouseError validation_failed for `password`; the link stays good
 */
export async function resetPassword(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  { token, password, sessionUserId }: { token: string; password: string; sessionUserId: string | undefined },
): Promise<User | undefined> {
  // Looked at first: no hash is computed, and none of the few places taken, for a token that somebody made up.
  const owner = await findPasswordReset(db, token)
  if (!owner) return undefined
  const passwordHash = await hashNewPassword(password, await passwordOwner(db, owner))
  return db.transaction().execute(async (tx) => {
    const used = await consumeMailLinkOfUser(tx, 'reset_password', token)
    if (!used || !isOwnMailbox(used.link, used.user)) return undefined
    const { user } = used
    if (user.emailVerifiedAt === null && user.id !== sessionUserId) await voidUnprovenCredentials(tx, user)
    await markEmailVerified(tx, user.id)
    await setPassword(tx, outbox, { user, passwordHash, action: 'user.password_reset' })
    return user
  })
}

/** Somebody without a password yet (a setup file named none) chooses their first one this way. */
function maySetPasswordByMail(user: User): boolean {
  return user.deactivatedAt === null
}
