import { sql } from 'kysely'
import { type AccountOwner, requireFreshSignIn } from '#directory/users/actor.ts'
import { lockActiveUser } from '#directory/users/user-queries.ts'
import { type AuditActor, recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, isStorable, type Queryable } from '#foundation/database/database.ts'
import type { Connection, User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { findIdentity, insertIdentity, lockSubject } from './identity-queries.ts'
import type { UpstreamIdentity } from './upstream-identity.ts'

export type LinkOutcome =
  | { outcome: 'linked' }
  /** The subject is another person here, and stays so. */
  | { outcome: 'taken' }

/**
 * Links what a person is at an identity provider to their account, at their own wish: they are signed in here and there.
 * Linking the same again changes nothing.
 * @param askedAt when they went to the provider: their sign-in here was fresh then
 * @throws GatehouseError permission_denied without a fresh sign-in, not_found once the person is deactivated
 */
export async function linkIdentity(
  db: Queryable,
  actor: AccountOwner,
  { connection, identity, askedAt }: { connection: Connection; identity: UpstreamIdentity; askedAt: Date },
): Promise<LinkOutcome> {
  requireFreshSignIn(actor, askedAt)
  const userId = actor.user.id
  return inTransaction(db, async (tx): Promise<LinkOutcome> => {
    await lockSubject(tx, connection.id, identity)
    const user = await requireUser(tx, userId)
    const known = await findIdentity(tx, connection.id, identity)
    if (known) return { outcome: known.userId === userId ? 'linked' : 'taken' }
    const id = await insertIdentity(tx, { connectionId: connection.id, userId, identity })
    await recordIdentityEvent(tx, 'identity.linked', {
      actor: { user },
      user,
      connection,
      identity: { id, ...identity },
    })
    return { outcome: 'linked' }
  })
}

/**
 * Takes a way to sign in away from its owner's account.
 * @throws GatehouseError permission_denied without a fresh sign-in; not_found when it is none of theirs; conflict when it is the last way in
 */
export async function unlinkIdentity(db: Queryable, actor: AccountOwner, identityId: string): Promise<void> {
  requireFreshSignIn(actor)
  const userId = actor.user.id
  await inTransaction(db, async (tx) => {
    // Held, so that two at once can't each leave the other as the last one.
    const user = await requireUser(tx, userId)
    const identities = await tx
      .selectFrom('identities as i')
      .innerJoin('connections as c', 'c.id', 'i.connectionId')
      .select(['i.id', 'i.subject', 'i.issuer', 'i.email', 'c.name', 'c.organizationId', 'c.enabled'])
      .where('i.userId', '=', userId)
      .execute()
    const identity = identities.find(({ id }) => isStorable(identityId) && id === identityId)
    if (!identity) throw new GatehouseError('not_found', 'That way to sign in is not linked to your account.')
    const others = identities.filter(({ id, enabled }) => id !== identity.id && enabled)
    if (user.passwordHash === null && others.length === 0) {
      throw new GatehouseError('conflict', 'This is your only way to sign in. Set a password first, or link another.')
    }
    await tx.deleteFrom('identities').where('userId', '=', userId).where('id', '=', identity.id).execute()
    await recordIdentityEvent(tx, 'identity.unlinked', { actor: { user }, user, connection: identity, identity })
  })
}

/** Who was linked to what. */
export function recordIdentityEvent(
  tx: Queryable,
  action: 'identity.linked' | 'identity.unlinked',
  of: {
    actor: AuditActor
    user: Pick<User, 'id' | 'email'>
    connection: Pick<Connection, 'name' | 'organizationId'>
    identity: { id: string; issuer: string; subject: string; email?: string | null | undefined }
  },
): Promise<void> {
  const { actor, user, connection, identity } = of
  const told = { issuer: identity.issuer, subject: identity.subject, email: identity.email ?? null }
  return recordAuditEvent(tx, {
    actor,
    action,
    subject: { kind: 'identity', id: identity.id, name: `${user.email} at ${connection.name}` },
    organizationId: connection.organizationId,
    ...(action === 'identity.linked' ? { after: told } : { before: told }),
  })
}

/** The moment is shown to those who look for an unused way in. */
export async function noteIdentityUse(
  tx: Queryable,
  place: { id: string; connectionId: string },
  { email = null }: Pick<UpstreamIdentity, 'email'> | { email?: string | null },
): Promise<void> {
  await tx
    .updateTable('identities')
    .set({ lastUsedAt: sql<Date>`now()`, email })
    .where('connectionId', '=', place.connectionId)
    .where('id', '=', place.id)
    .execute()
}

async function requireUser(tx: Queryable, userId: string): Promise<User> {
  const user = await lockActiveUser(tx, userId)
  if (!user) throw new GatehouseError('not_found', 'This account is not in use any more.')
  return user
}
