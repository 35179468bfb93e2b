import { type Actor, isOperator, type Operator } from '#directory/users/actor.ts'
import type { AuditSubject } from '#foundation/audit/record-audit-event.ts'
import { clock } from '#foundation/database/clock.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { type ApiKey, countLiveApiKeys, findApiKey } from './api-key-queries.ts'

/*
 * What every change of a key has in common: who may manage whose, and one change at a time for one person's keys.
 */

export const mostLiveKeys = 10

/** Who makes and ends keys of an organization: a person who acts in it, or the operator, who names it. */
export type KeyManager = Actor | (Operator & { organizationId: string })

/** Whether the key's owner is another person than who acts. */
export function isAnothers(actor: KeyManager, owner: { id: string }): boolean {
  return isOperator(actor) || actor.user.id !== owner.id
}

export interface ApiKeyParts {
  db: Queryable
  outbox: MailOutbox
}

/** A key that is about to be changed, the database's clock after the wait for it, and the transaction. */
export interface ApiKeyChange {
  tx: Queryable
  key: ApiKey
  owner: User
  now: Date
}

/**
 * Runs a change of one key in a transaction. Changes of one person's keys wait for each other at the row of that person,
 * so the number of live keys that a change has counted is still true when it commits.
 * @throws GatehouseError not_found for a key of another organization, or of another person where `actor` is no admin
 */
export async function changeApiKey<T>(
  db: Queryable,
  actor: KeyManager,
  id: string,
  change: (change: ApiKeyChange) => Promise<T>,
): Promise<T> {
  const everybodys = isOperator(actor) || actor.isAdmin
  const managed = { organizationId: actor.organizationId, userId: everybodys ? undefined : actor.user.id }
  return inTransaction(db, async (tx) => {
    const found = await findApiKey(tx, managed, id)
    const owner = found && (await lockOwner(tx, found.user.id))
    const key = owner && (await findApiKey(tx, managed, id))
    if (!key) throw new GatehouseError('not_found', 'There is no such API key.')
    return change({ tx, key, owner, now: await clock(tx) })
  })
}

/** A key after its change, as the same transaction sees it. */
export async function asItIsNow(tx: Queryable, { id, user, organization }: ApiKey): Promise<ApiKey> {
  const key = await findApiKey(tx, { organizationId: organization.id, userId: user.id }, id)
  if (!key) throw new Error('the key that was just changed is missing')
  return key
}

/** Lets one transaction at a time change the keys of a person, active or not. */
export function lockOwner(tx: Queryable, userId: string): Promise<User | undefined> {
  return tx.selectFrom('users').selectAll().where('id', '=', userId).forNoKeyUpdate().executeTakeFirst()
}

/**
 * A key works only for a member, so only a member is given one. The membership is held until the transaction ends: a
 * removal at this moment waits for the key and ends it, or we see that it has happened.
 * @throws GatehouseError conflict
 */
export async function requireMembership(tx: Queryable, user: User, organizationId: string): Promise<void> {
  const membership = await tx
    .selectFrom('memberships')
    .select('deactivatedAt')
    .where('organizationId', '=', organizationId)
    .where('userId', '=', user.id)
    .forKeyShare()
    .executeTakeFirst()
  const active = membership ? membership.deactivatedAt === null : user.superadmin
  if (active && user.deactivatedAt === null) return
  throw new GatehouseError('conflict', 'This person is not an active member of the organization.')
}

/** @throws GatehouseError limit_reached */
export async function requireRoom(
  tx: Queryable,
  owner: { userId: string; organizationId: string },
  now: Date,
): Promise<void> {
  if ((await countLiveApiKeys(tx, owner, now)) < mostLiveKeys) return
  throw new GatehouseError(
    'limit_reached',
    `There are ${mostLiveKeys} live API keys already. Revoke or delete one that is not needed any more.`,
  )
}

/** A superadmin's key passes every check in every organization, so only a superadmin, or the operator, makes or prolongs one. */
export function mayEmpower(actor: KeyManager, owner: { superadmin: boolean }): boolean {
  return isOperator(actor) || actor.user.superadmin || !owner.superadmin
}

/** @throws GatehouseError permission_denied */
export function requireMayEmpower(actor: KeyManager, owner: { superadmin: boolean }): void {
  if (!mayEmpower(actor, owner)) {
    throw new GatehouseError('permission_denied', 'Only a superadmin may do this for a superadmin.')
  }
}

/** As the audit log calls it. */
export function auditSubject({ id, user, name }: Pick<ApiKey, 'id' | 'user' | 'name'>): AuditSubject {
  return { kind: 'api_key', id, name: `${user.email}/${name}` }
}

/** Two keys of one person and organization have different names. */
export function nameTaken(): GatehouseError {
  const message = 'is the name of another key already'
  return new GatehouseError('conflict', `This name ${message}.`, { fields: [{ path: 'name', message }] })
}
