import { connectionLabel } from '#authentication/connections/connection.ts'
import { listIdentitiesOfUser, removeIdentitiesOfUser } from '#authentication/connections/identity-queries.ts'
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
import { listLiveApiKeyNames } from '#credentials/issued/api-keys.ts'
import { revokeApiKeysOfUser } from '#credentials/revocation/revocation.ts'
import { type Administrator, requireSuperadmin, shownNameOf } from '#directory/users/actor.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { markEmailVerified } from '#directory/users/save-user.ts'
import { findActiveUser, findUserByEmail, listUsers, lockActiveUser } from '#directory/users/user-queries.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Asking } from '#foundation/outbox/mail.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'

/** Where the link leads. */
export const newPasswordPage = '/new-password'

/**
 * Mails a link to a person who forgot their password. For an address without an account, or whose owner can't use a
 * password, the same statements run and the mail is dropped where it would be sent, so neither answer nor time tells
 * the two apart.
 * @throws GatehouseError validation_failed when `email` is not one address
 */
export async function requestPasswordReset(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  { email, asked }: { email: string; asked: Asking },
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const user = await findUserByEmail(tx, email)
    const resettable = user !== undefined && maySetPasswordByMail(user)
    const token = await makeMailLink(tx, {
      purpose: 'reset_password',
      email: user?.email ?? email,
      payload: { asked },
      ...(resettable && { userId: user.id }),
    })
    const { apiKeys, identities } = await listOtherWaysIn(tx, user?.id ?? '')
    if (!token) return
    await outbox.enqueueMail(tx, {
      to: user?.email ?? email,
      template: 'reset-password',
      locals: {
        linkPath: mailLinkPath(newPasswordPage, token),
        asked,
        // Of an account that was never proven they end unasked.
        alsoOpening: user?.emailVerifiedAt ? [...apiKeys, ...identities].slice(0, 50) : [],
      },
      decoy: !resettable,
    })
  })
}

/**
 * Mails a person a link by which they choose a new password, for an administrator who is told what became of it.
 * @throws GatehouseError permission_denied unless the actor is a superadmin; not_found; conflict while they are
 *   deactivated; too_many_requests when the mailbox has had its share of such links for this hour
 */
export async function mailPasswordReset(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  actor: Administrator,
  userId: string,
): Promise<User> {
  requireSuperadmin(actor)
  return inTransaction(db, async (tx) => {
    const user = await requireLockedUser(tx, userId)
    const token = await makeMailLink(tx, { purpose: 'reset_password', email: user.email, userId: user.id })
    if (!token) {
      const message = 'This address has been sent several such links within the last hour. Try again later.'
      throw new GatehouseError('too_many_requests', message, { retryAfterSeconds: 3600 })
    }
    const { apiKeys, identities } = await listOtherWaysIn(tx, user.id)
    await outbox.enqueueMail(tx, {
      to: user.email,
      template: 'reset-password',
      locals: {
        linkPath: mailLinkPath(newPasswordPage, token),
        by: shownNameOf(actor),
        alsoOpening: user.emailVerifiedAt ? [...apiKeys, ...identities].slice(0, 50) : [],
      },
    })
    await recordAuditEvent(tx, { actor, action: 'user.password_reset_mailed', subject: userSubject(user) })
    return user
  })
}

/**
 * Gives a person another password, which the administrator hands on. All their sessions and grants end at once.
 * @throws GatehouseError as `mailPasswordReset`; validation_failed for `password`
 */
export async function giveNewPassword(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  actor: Administrator,
  userId: string,
  password: string,
): Promise<User> {
  requireSuperadmin(actor)
  const found = await findActiveUser(db, userId)
  const passwordHash = found && (await hashNewPassword(password, await passwordOwner(db, found)))
  return inTransaction(db, async (tx) => {
    const user = await requireLockedUser(tx, userId)
    if (passwordHash === undefined) throw notActive()
    await setPassword(tx, outbox, { user, passwordHash, action: 'user.password_reset', actor })
    return user
  })
}

/** @throws GatehouseError not_found, conflict */
async function requireLockedUser(tx: Queryable, userId: string): Promise<User> {
  const user = await lockActiveUser(tx, userId)
  if (user) return user
  const [deactivated] = await listUsers(tx, { ids: [userId], emails: [] })
  throw deactivated ? notActive() : new GatehouseError('not_found', 'There is no such user.')
}

function notActive(): GatehouseError {
  return new GatehouseError('conflict', 'This user is deactivated, and signs in with no password.')
}

/** What opens an account besides its password, by name. */
export interface OtherWaysIn {
  apiKeys: string[]
  identities: string[]
}

/** What a link leads to. */
export interface PasswordReset {
  user: User
  asked: Asking | undefined
  otherWaysIn: OtherWaysIn
}

/** Undefined when the link does not work any more. */
export async function findPasswordReset(db: Queryable, token: string): Promise<PasswordReset | undefined> {
  const link = await findMailLink(db, 'reset_password', token)
  const user = link?.userId ? await findActiveUser(db, link.userId) : undefined
  if (!link || !user || !isOwnMailbox(link, user)) return undefined
  return { user, asked: link.payload.asked, otherWaysIn: await listOtherWaysIn(db, user.id) }
}

/**
 * Whether a reset voids all else that opens the account: the address was never proven, and who reads the mail has not
 * proven the account either.
 * @param sessionUserId who is signed in where the link was opened
 */
export function resetVoidsAll(user: User, sessionUserId: string | undefined): boolean {
  return user.emailVerifiedAt === null && user.id !== sessionUserId
}

export interface NewPassword {
  token: string
  password: string
  /** Who is signed in where the link was opened. */
  sessionUserId: string | undefined
  /** Whether the person wants the account's API keys revoked. */
  endApiKeys: boolean
  /** Whether the person wants every identity unlinked from the account. */
  endIdentities: boolean
}

/**
 * Sets the password that a person has chosen through a link: it proves the mailbox, so the address counts as verified.
 * All their sessions and grants end at once, and on demand what else opens the account; see `resetVoidsAll` for where
 * that ends unasked.
 * @returns undefined when the link does not work any more
 * @throws GatehouseError validation_failed for `password`; the link stays good
 */
export async function resetPassword(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  { token, password, sessionUserId, ...ends }: NewPassword,
): Promise<User | undefined> {
  // Looked at first: no hash is computed, and none of the few places taken, for a token that was made up.
  const owner = (await findPasswordReset(db, token))?.user
  if (!owner) return undefined
  const passwordHash = await hashNewPassword(password, await passwordOwner(db, owner))
  return inTransaction(db, async (tx) => {
    const used = await consumeMailLinkOfUser(tx, 'reset_password', token)
    if (!used || !isOwnMailbox(used.link, used.user)) return undefined
    const { user } = used
    if (resetVoidsAll(user, sessionUserId)) await voidUnprovenCredentials(tx, user)
    else await endOtherWaysIn(tx, user, ends)
    await markEmailVerified(tx, user.id)
    await setPassword(tx, outbox, { user, passwordHash, action: 'user.password_reset' })
    return user
  })
}

async function endOtherWaysIn(
  tx: Queryable,
  user: User,
  { endApiKeys, endIdentities }: Pick<NewPassword, 'endApiKeys' | 'endIdentities'>,
): Promise<void> {
  const apiKeys = endApiKeys ? await revokeApiKeysOfUser(tx, user.id, 'owner') : 0
  const identities = endIdentities ? await removeIdentitiesOfUser(tx, user.id) : 0
  if (apiKeys + identities === 0) return
  await recordAuditEvent(tx, {
    actor: { user },
    action: 'user.other_ways_in_ended',
    subject: userSubject(user),
    before: { api_keys: apiKeys, identities },
  })
}

async function listOtherWaysIn(db: Queryable, userId: string): Promise<OtherWaysIn> {
  const apiKeys = await listLiveApiKeyNames(db, userId)
  const identities = await listIdentitiesOfUser(db, userId)
  return { apiKeys, identities: identities.map(({ connection }) => connectionLabel(connection)) }
}

/** A person without a password yet (a setup file named none) chooses their first one this way. */
function maySetPasswordByMail(user: User): boolean {
  return user.deactivatedAt === null
}
