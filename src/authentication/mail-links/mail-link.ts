import { randomBytes } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import { lockActiveUser } from '#directory/users/user-queries.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { type Queryable, toJson } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'
import type { MailLinkPurpose, User } from '#foundation/database/schema.ts'
import type { Asking } from '#foundation/outbox/mail.ts'
import { mostMailsPerHour } from '#foundation/outbox/outbox.ts'
import { emailKey } from '#foundation/values/email-address.ts'

/*
 * A link that is mailed proves that the person who follows it reads that mailbox: 32 random bytes, of which only the
 * SHA-256 is kept, for one use within its lifetime. Mail scanners GET every link, so following one shows a form; its
 * POST consumes.
 */

/** How long a link lives: an invitation waits for a colleague's holiday, what opens an account does not. */
const lifetimes: Record<MailLinkPurpose, string> = {
  verify_email: '1 hour',
  reset_password: '1 hour',
  change_email: '1 hour',
  sign_up: '1 hour',
  prove_account: '1 hour',
  invitation: '7 days',
}

/** What a link was made for. */
export interface MailLink {
  purpose: MailLinkPurpose
  /** The mailbox that it was sent to. */
  email: string
  userId: string | null
  organizationId: string | null
  payload: MailLinkPayload
}

/** What the page of a link shows or needs besides. */
export interface MailLinkPayload extends Record<string, unknown> {
  asked?: Asking
}

export interface NewMailLink {
  purpose: MailLinkPurpose
  email: string
  userId?: string
  organizationId?: string
  payload?: MailLinkPayload
}

/**
 * Makes a link, and ends the older ones of the same person (without one: of the same mailbox) for the same purpose and
 * organization.
 * @returns the token, which only the mail may hold; undefined when the outbox would drop that mail, because the mailbox
 *   has had its share for this hour: a stranger who asks again and again must not end the last link that did arrive
 */
export async function makeMailLink(tx: Queryable, link: NewMailLink): Promise<string | undefined> {
  const { purpose, email, userId = null, organizationId = null, payload = {} } = link
  // Two requests at once would each miss the other's link and leave two alive.
  await lock(tx, 'mailLink', `${purpose} ${emailKey(email)}`)
  if ((await countRecentLinks(tx, link)) >= mostMailsPerHour) return undefined
  await tx
    .updateTable('mailLinks')
    .set({ usedAt: sql<Date>`now()` })
    .where('purpose', '=', purpose)
    .where('usedAt', 'is', null)
    .where(sql<boolean>`organization_id is not distinct from ${organizationId}`)
    .where(userId ? sql<boolean>`user_id = ${userId}` : sql<boolean>`lower(email) = ${emailKey(email)}`)
    .execute()
  const token = randomBytes(32).toString('base64url')
  await tx
    .insertInto('mailLinks')
    .values({
      hash: sha256(token),
      purpose,
      email,
      userId,
      organizationId,
      payload: toJson(payload),
      expiresAt: sql<Date>`now() + ${lifetimes[purpose]}::interval`,
      usedAt: null,
    })
    .execute()
  return token
}

/** Path and query under which a page shows the form for a link. The query is in no log of ours. */
export function mailLinkPath(page: string, token: string): string {
  return `${page}?token=${token}`
}

/** A link that would still work. Looking changes nothing. */
export function findMailLink(db: Queryable, purpose: MailLinkPurpose, token: string): Promise<MailLink | undefined> {
  return db
    .selectFrom('mailLinks')
    .select(linkColumns)
    .where('hash', '=', sha256(token))
    .where('purpose', '=', purpose)
    .where(stillWorks)
    .executeTakeFirst()
}

/** Which of these mailboxes, in lower case, hold a link for a purpose of an organization that would still work, and how long. */
export async function readLiveLinks(
  db: Queryable,
  { purpose, organizationId, emails }: { purpose: MailLinkPurpose; organizationId: string; emails: readonly string[] },
): Promise<Map<string, Date>> {
  const links = await db
    .selectFrom('mailLinks')
    .select(['expiresAt', sql<string>`lower(email)`.as('key')])
    .where('purpose', '=', purpose)
    .where('organizationId', '=', organizationId)
    .where(sql<boolean>`lower(email) = any(${emails.map(emailKey)}::text[])`)
    .where(stillWorks)
    .execute()
  return new Map(links.map(({ key, expiresAt }) => [key, expiresAt]))
}

/**
 * Uses a link up: of any number of requests at once, on any number of nodes, one gets it. It is used up only if `tx`
 * commits.
 */
export function consumeMailLink(tx: Queryable, purpose: MailLinkPurpose, token: string): Promise<MailLink | undefined> {
  return tx
    .updateTable('mailLinks')
    .set({ usedAt: sql<Date>`now()` })
    .where('hash', '=', sha256(token))
    .where('purpose', '=', purpose)
    .where(stillWorks)
    .returning(linkColumns)
    .executeTakeFirst()
}

/**
 * The same for a link that is about a person, whose row is held first: what ends links holds it too, and in another order
 * two could wait for each other.
 * @returns undefined as well once the person is deactivated
 */
export async function consumeMailLinkOfUser(
  tx: Queryable,
  purpose: MailLinkPurpose,
  token: string,
): Promise<{ link: MailLink; user: User } | undefined> {
  const found = await findMailLink(tx, purpose, token)
  const user = found?.userId ? await lockActiveUser(tx, found.userId) : undefined
  const link = user && (await consumeMailLink(tx, purpose, token))
  return link && { link, user }
}

/** Whether a link still speaks of a person's own mailbox, which they may have given up since. */
export function isOwnMailbox(link: MailLink, user: Pick<User, 'email'>): boolean {
  return emailKey(link.email) === emailKey(user.email)
}

/** Ends every link that was sent to any of these mailboxes: an address has changed hands. */
export async function endLinksOfMailboxes(tx: Queryable, emails: readonly string[]): Promise<void> {
  await endLinks(tx, sql`lower(email) = any(${emails.map(emailKey)}::text[])`)
}

/**
 * Ends every link by which a person's password, address or ways to sign in could be changed. A stranger who had their
 * session for a moment may have asked for a change of address to a mailbox of his own: a new password must end that as
 * well.
 */
export async function endLinksOfUser(tx: Queryable, userId: string): Promise<void> {
  await endLinks(tx, sql`user_id = ${userId} and purpose in ('reset_password', 'change_email', 'prove_account')`)
}

/** Ends the links of an invitation that was withdrawn. */
export async function endLinksOfInvitation(tx: Queryable, invitation: { organizationId: string; email: string }) {
  const { organizationId, email } = invitation
  await endLinks(
    tx,
    sql`purpose = 'invitation' and organization_id = ${organizationId} and lower(email) = ${emailKey(email)}`,
  )
}

async function countRecentLinks(tx: Queryable, { purpose, email }: NewMailLink): Promise<number> {
  const { count } = await tx
    .selectFrom('mailLinks')
    .select((column) => column.fn.countAll<number>().as('count'))
    .where(sql<string>`lower(email)`, '=', emailKey(email))
    .where('purpose', '=', purpose)
    .where('createdAt', '>', sql<Date>`now() - interval '1 hour'`)
    .executeTakeFirstOrThrow()
  return count
}

const linkColumns = ['purpose', 'email', 'userId', 'organizationId', 'payload'] as const

const stillWorks = sql<boolean>`used_at is null and expires_at > now()`

async function endLinks(tx: Queryable, which: RawBuilder<unknown>): Promise<void> {
  await sql`update mail_links set used_at = now() where used_at is null and ${which}`.execute(tx)
}
