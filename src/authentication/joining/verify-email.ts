import { voidUnprovenCredentials } from '#authentication/connections/unproven-credentials.ts'
import {
  consumeMailLinkOfUser,
  findMailLink,
  isOwnMailbox,
  mailLinkPath,
  makeMailLink,
} from '#authentication/mail-links/mail-link.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { markEmailVerified } from '#directory/users/save-user.ts'
import { findActiveUser, lockActiveUser } from '#directory/users/user-queries.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import type { Asking } from '#foundation/outbox/mail.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'

/** Where the link leads. */
export const verifyEmailPage = '/verify-email'

/** Mails a link by which a person proves that they read their mailbox. Nothing happens when they have before. */
export async function requestEmailVerification(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  { userId, asked }: { userId: string; asked: Asking },
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const user = await lockActiveUser(tx, userId)
    if (!user || user.emailVerifiedAt) return
    const token = await makeMailLink(tx, { purpose: 'verify_email', email: user.email, userId, payload: { asked } })
    if (!token) return
    const locals = { linkPath: mailLinkPath(verifyEmailPage, token), asked }
    await outbox.enqueueMail(tx, { to: user.email, template: 'verify-email', locals })
  })
}

/** The person whose address a link verifies; undefined when it does not work any more. */
export async function findEmailVerification(
  db: Queryable,
  token: string,
): Promise<{ user: User; asked: Asking | undefined } | undefined> {
  const link = await findMailLink(db, 'verify_email', token)
  const user = link?.userId ? await findActiveUser(db, link.userId) : undefined
  return link && user && isOwnMailbox(link, user) ? { user, asked: link.payload.asked } : undefined
}

/**
 * Verifies the address of a person. The link proves the mailbox, and not that its reader made the account: without a
 * session of the account in the same browser, all that opened it is void.
 * @param proof.sessionUserId who is signed in where the link was opened
 * @returns undefined when the link does not work any more; `voided`: the account has no password now
 */
export function verifyEmail(
  db: Queryable,
  { token, sessionUserId }: { token: string; sessionUserId: string | undefined },
): Promise<{ user: User; voided: boolean } | undefined> {
  return inTransaction(db, async (tx) => {
    const used = await consumeMailLinkOfUser(tx, 'verify_email', token)
    if (!used || !isOwnMailbox(used.link, used.user)) return undefined
    const { user } = used
    const voided = user.emailVerifiedAt === null && user.id !== sessionUserId
    if (voided) await voidUnprovenCredentials(tx, user)
    await markEmailVerified(tx, user.id)
    await recordAuditEvent(tx, { actor: { user }, action: 'user.email_verified', subject: userSubject(user) })
    return { user, voided }
  })
}
