import { consumeMailLink, findMailLink, mailLinkPath, makeMailLink } from '#authentication/mail-links/mail-link.ts'
import { markEmailVerified } from '#directory/users/save-user.ts'
import { lockActiveUser } from '#directory/users/user-queries.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { emailKey } from '#foundation/values/email-address.ts'

/** Where the link leads. */
export const verifyEmailPage = '/verify-email'

/** Mails a link by which a person proves that they read their mailbox. Nothing happens when they have before. */
export async function requestEmailVerification(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  userId: string,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const user = await lockActiveUser(tx, userId)
    if (!user || user.emailVerifiedAt) return
    const token = await makeMailLink(tx, { purpose: 'verify_email', email: user.email, userId })
    if (!token) return
    const locals = { linkPath: mailLinkPath(verifyEmailPage, token) }
    await outbox.enqueueMail(tx, { to: user.email, template: 'verify-email', locals })
  })
}

/** The address that a link verifies; undefined when it does not work any more. */
export async function findEmailVerification(db: Queryable, token: string): Promise<string | undefined> {
  return (await findMailLink(db, 'verify_email', token))?.email
}

/** @returns the person, whose address is verified now; undefined when the link does not work any more */
export function verifyEmail(db: Queryable, token: string): Promise<User | undefined> {
  return db.transaction().execute(async (tx) => {
    const link = await consumeMailLink(tx, 'verify_email', token)
    const user = link?.userId ? await lockActiveUser(tx, link.userId) : undefined
    if (!link || !user || emailKey(link.email) !== emailKey(user.email)) return undefined
    await markEmailVerified(tx, user.id)
    await recordAuditEvent(tx, { actor: user.id, action: 'user.email_verified', subject: `user ${user.email}` })
    return user
  })
}
