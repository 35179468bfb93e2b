import { endLinksOfMailboxes } from '#authentication/mail-links/mail-link.ts'
import type { SystemActor } from '#directory/users/actor.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { updateUser } from '#directory/users/save-user.ts'
import { findUserByEmail } from '#directory/users/user-queries.ts'
import { recordAuditEvents } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { providerOf } from './connection.ts'
import { type Findings, findUser } from './decide-connection-login.ts'

/**
 * Name and address as the provider tells them now. The address follows only while it is the one that this
 * provider told before; a verified one gives way only to one that is vouched for; and none goes to two people.
 */
export async function refreshUser(
  tx: Queryable,
  { user, connection, identity, known, vouched }: Findings & { user: User },
): Promise<User> {
  const email = (await nextEmail(tx, { user, identity, known, vouched })) ?? user.email
  const proven = vouched && identity.email !== undefined && emailKey(identity.email) === emailKey(email)
  const name = identity.name ?? user.name
  const wasVerified = user.emailVerifiedAt !== null && email === user.email
  if (email === user.email && name === user.name && !(proven && !wasVerified)) return findUser(tx, user.id)
  await updateUser(tx, user.id, { name, email, ...(!wasVerified && { emailVerified: proven }) })
  if (email !== user.email) await endLinksOfMailboxes(tx, [user.email, email])
  await recordChanges(tx, user, { name, email, actor: providerOf(connection) })
  return findUser(tx, user.id)
}

/** The address that an account will have; undefined: it stays as it is. */
export async function nextEmail(
  tx: Queryable,
  { user, identity, known, vouched }: Pick<Findings, 'identity' | 'known' | 'vouched'> & { user: User },
): Promise<string | undefined> {
  const { email } = identity
  if (!known?.email || email === undefined || emailKey(email) === emailKey(user.email)) return undefined
  const follows = emailKey(known.email) === emailKey(user.email)
  if (!follows || (user.emailVerifiedAt !== null && !vouched)) return undefined
  return (await findUserByEmail(tx, email)) ? undefined : email
}

async function recordChanges(
  tx: Queryable,
  before: User,
  after: { name: string; email: string; actor: SystemActor },
): Promise<void> {
  const event = { actor: after.actor, subject: userSubject({ id: before.id, email: after.email }) }
  const { name, email } = before
  await recordAuditEvents(tx, [
    ...(name !== after.name
      ? [{ ...event, action: 'user.updated' as const, before: { name }, after: { name: after.name } }]
      : []),
    ...(email !== after.email
      ? [{ ...event, action: 'user.email_changed' as const, before: { email }, after: { email: after.email } }]
      : []),
  ])
}
