import { sql } from 'kysely'
import type { ApiKeyPlace } from '#credentials/issued/api-keys.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Revocation } from '#foundation/database/schema.ts'

/*
 * Everything that ends a session, grant, token or API key. What is ended is dead in the next statement that looks it up,
 * on every node; clients and people are told elsewhere. A session that ends takes its grants with it, and a grant its
 * tokens: triggers of the database see to that, in the same transaction and in this order.
 */

/** What ends what, on which event. ARCHITECTURE.md shows the same table. */
export const endings: readonly Ending[] = [
  {
    event: 'sign-out; a session ended on the page of sessions',
    ends: 'the session and the grants that it gave',
    by: endSession,
  },
  {
    event: '“end other sessions”; password changed or reset; address proven by another',
    ends: "the person's other sessions and the grants that they gave, and those of direct authentication",
    by: endOtherSessions,
  },
  {
    event: 'a code, device code or refresh token presented a second time',
    ends: 'the grant',
    by: revokeGrant,
  },
  {
    event: 'a token revoked by its client; `/v1/auth/sign-out`',
    ends: 'the grant; a service account’s token itself',
    by: revokeToken,
  },
  {
    event: 'an organization makes a connection required',
    ends: 'the grants for it, but those of superadmins',
    by: revokeGrantsOfOrganization,
  },
  {
    event: 'a person takes back what they allowed an application',
    ends: 'the grants that they gave its client',
    by: revokeGrantsToClient,
  },
  {
    event: 'membership removed',
    ends: "the person's grants, tokens and API keys in the organization",
    by: revokeAllOfMembers,
  },
  {
    event: 'address proven by another; at a reset of the password, on demand',
    ends: "the person's API keys, everywhere",
    by: revokeApiKeysOfUser,
  },
  {
    event: 'API key revoked by its owner, an administrator, or a report of a leak',
    ends: 'the key',
    by: revokeApiKeyRow,
  },
  {
    event: 'API key deleted',
    ends: 'the key; its row stays for the log, until a week after it would have expired',
    by: deleteApiKeyRow,
  },
  {
    event: 'client deleted',
    ends: 'its grants, tokens and secrets: their rows go with its own',
    by: 'foreign keys and triggers',
  },
  {
    event: 'client secret rotated, after the overlap; deleted',
    ends: 'the secret; tokens that it brought live to their own end',
    by: 'each look-up',
  },
  {
    event: 'user, membership or client deactivated; organization suspended; expiry',
    ends: 'nothing for good: all of theirs rests',
    by: 'each look-up',
  },
]

interface Ending {
  event: string
  ends: string
  by: EndingFunction | 'each look-up' | 'foreign keys and triggers'
}

// biome-ignore lint/suspicious/noExplicitAny: only the names are read
type EndingFunction = (db: Queryable, ...what: any[]) => Promise<unknown>

/**
 * Ends one session of a person with everything it gave. A grant that is being made holds the row of its session.
 * @returns whether there was such a session
 */
export async function endSession(tx: Queryable, userId: string, uid: string): Promise<boolean> {
  const ended = await tx
    .updateTable('sessions')
    .set({ endedAt: sql<Date>`now()` })
    .where('userId', '=', userId)
    .where('uid', '=', uid)
    .where('endedAt', 'is', null)
    .returning('uid')
    .executeTakeFirst()
  return ended !== undefined
}

/**
 * Ends every session of a person but the one given, with all that they gave, and every grant of direct authentication.
 * The row of the person is taken first: a sign-in of theirs that is under way has begun its session or made its grant by
 * then, or finds the row changed.
 */
export async function endOtherSessions(tx: Queryable, userId: string, exceptUid: string | undefined): Promise<void> {
  await tx.selectFrom('users').select('id').where('id', '=', userId).forNoKeyUpdate().execute()
  let others = tx
    .updateTable('sessions')
    .set({ endedAt: sql<Date>`now()` })
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
  if (exceptUid) others = others.where('uid', '!=', exceptUid)
  await others.execute()
  await liveGrants(tx).where('userId', '=', userId).where('sessionUid', 'is', null).execute()
}

/** Ends what a grant gave: its access and refresh tokens. */
export async function revokeGrant(db: Queryable, grantId: string): Promise<void> {
  await liveGrants(db).where('id', '=', grantId).execute()
}

/**
 * Ends the whole grant that a token belongs to; of a token without one (a service account's), the token itself. The grant
 * first: a token request holds it while it spends the token, and could not wait for us, who wait for it.
 */
export async function revokeToken(db: Queryable, tokenHash: Buffer): Promise<void> {
  const token = await db.selectFrom('credentials').select('grantId').where('hash', '=', tokenHash).executeTakeFirst()
  if (token?.grantId) await revokeGrant(db, token.grantId)
  await db
    .updateTable('credentials')
    .set({ revokedAt: sql<Date>`coalesce(revoked_at, now())` })
    .where('hash', '=', tokenHash)
    .execute()
}

/**
 * An organization that refuses passwords has no member who is in by one: what its members were granted ends, and they
 * sign in again through the connection. Superadmins keep theirs, or a connection that doesn't work would lock all out.
 * API keys live on: they are no sign-ins.
 */
export async function revokeGrantsOfOrganization(tx: Queryable, organizationId: string): Promise<void> {
  await liveGrants(tx)
    .where('organizationId', '=', organizationId)
    .where('userId', 'in', (users) => users.selectFrom('users').select('id').where('superadmin', '=', false))
    .execute()
}

/** Ends what a person allowed a client, in every organization. @returns whether there was anything */
export async function revokeGrantsToClient(
  tx: Queryable,
  { userId, clientId }: { userId: string; clientId: string },
): Promise<boolean> {
  const ended = await liveGrants(tx)
    .where('userId', '=', userId)
    .where('clientId', '=', clientId)
    .returning('id')
    .execute()
  return ended.length > 0
}

/** Ends all that was issued to people in an organization: a member again some day, none has an old key or token back. */
export async function revokeAllOfMembers(
  tx: Queryable,
  organizationId: string,
  userIds: readonly string[],
): Promise<void> {
  if (userIds.length === 0) return
  await liveGrants(tx).where('organizationId', '=', organizationId).where('userId', 'in', userIds).execute()
  await liveCredentials(tx).where('organizationId', '=', organizationId).where('userId', 'in', userIds).execute()
}

/**
 * Ends every API key of a person, in every organization.
 * @param revocation `owner` where they chose so; otherwise they did not make them, and shall bring none back by mistake
 * @returns how many were revoked
 */
export async function revokeApiKeysOfUser(
  tx: Queryable,
  userId: string,
  revocation: Revocation = 'admin',
): Promise<number> {
  const keys = liveCredentials(tx, revocation).where('userId', '=', userId).where('kind', '=', 'api_key')
  const { numUpdatedRows } = await keys.executeTakeFirstOrThrow()
  return Number(numUpdatedRows)
}

/** A key that was revoked before keeps the time of that. @param by.revokedBy a user id; null: who reported a leak */
export async function revokeApiKeyRow(
  tx: Queryable,
  { organizationId, id }: ApiKeyPlace,
  by: { revocation: Revocation; revokedBy: string | null },
): Promise<void> {
  await tx
    .updateTable('credentials')
    .set({ revokedAt: sql<Date>`coalesce(revoked_at, clock_timestamp())`, ...by })
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .where('kind', '=', 'api_key')
    .execute()
}

/** Nothing but the log knows the key afterwards: its id, name and owner stay with each further use. */
export async function deleteApiKeyRow(tx: Queryable, { organizationId, id }: ApiKeyPlace): Promise<void> {
  await tx
    .updateTable('credentials')
    .set({ deletedAt: sql<Date>`now()`, revokedAt: sql<Date>`coalesce(revoked_at, now())` })
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .where('kind', '=', 'api_key')
    .execute()
}

function liveGrants(db: Queryable) {
  return db.updateTable('oauthGrants').set({ revokedAt: sql<Date>`now()` }).where('revokedAt', 'is', null)
}

/** Without a word they end as an administrator ends them: no owner re-activates such a key. */
function liveCredentials(db: Queryable, revocation: Revocation = 'admin') {
  return db.updateTable('credentials').set({ revokedAt: sql<Date>`now()`, revocation }).where('revokedAt', 'is', null)
}
