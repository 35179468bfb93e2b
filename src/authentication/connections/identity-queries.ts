import { newId } from '#foundation/crypto/ids.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'
import type { Connection, Identity } from '#foundation/database/schema.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import type { UpstreamIdentity } from './upstream-identity.ts'

type Subject = Pick<UpstreamIdentity, 'issuer' | 'subject'>

/** Who a subject of a connection is here. The same `sub` of another issuer is another person. */
export function findIdentity(db: Queryable, connectionId: string, { issuer, subject }: Subject) {
  return db
    .selectFrom('identities')
    .selectAll()
    .where('connectionId', '=', connectionId)
    .where('issuer', '=', issuer)
    .where('subject', '=', subject)
    .executeTakeFirst()
}

/**
 * Makes sign-ins of one subject, and then all first sign-ins with one address, go one after the other, on every node:
 * two at once would each find no account and make two. In this order two can't wait for each other.
 */
export async function lockSubject(
  tx: Queryable,
  connectionId: string,
  { issuer, subject, email }: Pick<UpstreamIdentity, 'issuer' | 'subject' | 'email'>,
): Promise<void> {
  await lock(tx, 'subject', JSON.stringify([connectionId, issuer, subject]))
  if (email !== undefined) await lock(tx, 'subjectEmail', emailKey(email))
}

/** @throws on `identities_subject_unique` when the subject is a person here already */
export async function insertIdentity(
  tx: Queryable,
  { connectionId, userId, identity }: { connectionId: string; userId: string; identity: UpstreamIdentity },
): Promise<string> {
  const id = newId('identity')
  const { issuer, subject, email = null } = identity
  await tx.insertInto('identities').values({ id, connectionId, issuer, subject, userId, email }).execute()
  return id
}

/** Unlinks a person from every subject. @param exceptId an identity that stays @returns how many went */
export async function removeIdentitiesOfUser(tx: Queryable, userId: string, exceptId?: string): Promise<number> {
  let identities = tx.deleteFrom('identities').where('userId', '=', userId)
  if (exceptId !== undefined) identities = identities.where('id', '!=', exceptId)
  const { numDeletedRows } = await identities.executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}

/** The connections by which a person may sign in: the deployment's, and those of their organizations. */
export function listConnectionsForUser(db: Queryable, userId: string): Promise<Connection[]> {
  return db
    .selectFrom('connections as c')
    .leftJoin('organizations as o', 'o.id', 'c.organizationId')
    .leftJoin('memberships as m', (join) =>
      join
        .onRef('m.organizationId', '=', 'c.organizationId')
        .on('m.userId', '=', userId)
        .on('m.deactivatedAt', 'is', null),
    )
    .selectAll('c')
    .where('c.enabled', '=', true)
    .where('o.suspendedAt', 'is', null)
    .where((where) => where.or([where('c.organizationId', 'is', null), where('m.id', 'is not', null)]))
    .orderBy('c.createdAt')
    .orderBy('c.name')
    .limit(100)
    .execute()
}

/** A way to sign in, as its owner sees it. */
export interface LinkedIdentity extends Pick<Identity, 'id' | 'email' | 'createdAt' | 'lastUsedAt'> {
  connection: Pick<Connection, 'id' | 'name' | 'type' | 'displayName' | 'enabled'>
}

/** The identities of a person, in the order in which they were linked. */
export async function listIdentitiesOfUser(db: Queryable, userId: string): Promise<LinkedIdentity[]> {
  const rows = await db
    .selectFrom('identities as i')
    .innerJoin('connections as c', 'c.id', 'i.connectionId')
    .select(['i.id', 'i.email', 'i.createdAt', 'i.lastUsedAt'])
    .select(['c.id as connectionId', 'c.name', 'c.type', 'c.displayName', 'c.enabled'])
    .where('i.userId', '=', userId)
    .orderBy('i.createdAt')
    .orderBy('i.id')
    .limit(100)
    .execute()
  return rows.map(({ connectionId, name, type, displayName, enabled, ...identity }) => ({
    ...identity,
    connection: { id: connectionId, name, type, displayName, enabled },
  }))
}
