import {
  consumeMailLinkOfUser,
  endLinksOfMailboxes,
  findMailLink,
  mailLinkPath,
  makeMailLink,
} from '#authentication/mail-links/mail-link.ts'
import { type AccountOwner, requireFreshSignIn } from '#directory/users/actor.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { updateUser } from '#directory/users/save-user.ts'
import { findActiveUser, findUserByEmail } from '#directory/users/user-queries.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Asking } from '#foundation/outbox/mail.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { emailKey } from '#foundation/values/email-address.ts'

/** Where the link leads. */
export const changeEmailPage = '/change-email'

/**
 * Mails a link to the new address of a signed-in person. Whether another person has that address is not looked at here:
 * only who reads the mailbox may learn it.
 * @throws GatehouseError permission_denied without a fresh sign-in; validation_failed when it is no address, or the
 *   person's own
 */
export async function requestEmailChange(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  actor: AccountOwner & { user: Pick<User, 'email'> },
  { newEmail, asked }: { newEmail: string; asked: Asking },
): Promise<void> {
  requireFreshSignIn(actor)
  const { user } = actor
  if (emailKey(newEmail) === emailKey(user.email)) {
    const message = 'This is your address already. Enter the new one.'
    throw new GatehouseError('validation_failed', message, { fields: [{ path: 'email', message }] })
  }
  await inTransaction(db, async (tx) => {
    const link = { email: newEmail, userId: user.id, payload: { asked } }
    const token = await makeMailLink(tx, { purpose: 'change_email', ...link })
    if (!token) return
    const locals = { linkPath: mailLinkPath(changeEmailPage, token), asked }
    await outbox.enqueueMail(tx, { to: newEmail, template: 'change-email', locals })
  })
}

/** What a link changes; undefined when it does not work any more. */
export async function findEmailChange(
  db: Queryable,
  token: string,
): Promise<{ user: User; newEmail: string; asked: Asking | undefined } | undefined> {
  const link = await findMailLink(db, 'change_email', token)
  const user = link?.userId ? await findActiveUser(db, link.userId) : undefined
  return link && user && { user, newEmail: link.email, asked: link.payload.asked }
}

export type EmailChangeOutcome =
  | { outcome: 'changed'; email: string }
  /** The new address is taken. Nothing has changed, and the link is used up. */
  | { outcome: 'taken' }
  /** The reader of the mail has not proven that the account is theirs. Nothing has changed. */
  | { outcome: 'sign_in_needed' }
  | { outcome: 'dead' }

/**
 * Gives a person the address whose mailbox they have proven, tells the old mailbox, and ends every link that was sent
 * to either: what one of them was asked before must not reach the account of the other. The link alone does it not: who
 * reads the mailbox would lend it to an account that others open.
 * @param proof.sessionUserId who is signed in where the link was opened
 */
export async function changeEmail(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  { token, sessionUserId }: { token: string; sessionUserId: string | undefined },
): Promise<EmailChangeOutcome> {
  const change = await findEmailChange(db, token)
  if (!change) return { outcome: 'dead' }
  if (change.user.id !== sessionUserId) return { outcome: 'sign_in_needed' }
  try {
    return await inTransaction(db, (tx) => changeEmailIn(tx, outbox, token))
  } catch (error) {
    // The address was taken at this very moment; the next try finds its owner.
    if (violates(error, 'users_email_unique')) return { outcome: 'taken' }
    throw error
  }
}

async function changeEmailIn(tx: Queryable, outbox: MailOutbox, token: string): Promise<EmailChangeOutcome> {
  const used = await consumeMailLinkOfUser(tx, 'change_email', token)
  if (!used) return { outcome: 'dead' }
  const { link, user } = used
  const [before, after] = [user.email, link.email]
  const owner = await findUserByEmail(tx, after)
  if (owner && owner.id !== user.id) return { outcome: 'taken' }
  await updateUser(tx, user.id, { email: after, emailVerified: true })
  await endLinksOfMailboxes(tx, [before, after])
  await recordAuditEvent(tx, {
    actor: { user },
    action: 'user.email_changed',
    subject: userSubject({ id: user.id, email: after }),
    before: { email: before },
    after: { email: after },
  })
  const locals = { newEmail: after, changedAt: new Date().toISOString() }
  await outbox.enqueueMail(tx, { to: before, template: 'email-changed', locals })
  return { outcome: 'changed', email: after }
}
