import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'

/** A browser's sign-in as its owner sees it. */
export interface SessionRecord {
  uid: string
  userId: string
  ip: string | null
  userAgent: string | null
  createdAt: Date
  lastUsedAt: Date
}

/** Notes that a session is in use; written at most once a minute for each. */
export async function recordSessionUse(
  db: Queryable,
  session: { uid: string; userId: string; ip: string | undefined; userAgent: string | undefined },
): Promise<void> {
  await db
    .insertInto('sessions')
    .values({
      uid: session.uid,
      userId: session.userId,
      ip: session.ip ?? null,
      userAgent: session.userAgent ?? null,
      endedAt: null,
    })
    .onConflict((conflict) =>
      conflict
        .column('uid')
        .doUpdateSet({ lastUsedAt: sql<Date>`now()`, ...(session.ip && { ip: session.ip }) })
        .where('sessions.lastUsedAt', '<', sql<Date>`now() - interval '1 minute'`),
    )
    .execute()
}

/** Whether a session was ended from elsewhere: by its owner, an administrator or a new password. */
export async function hasSessionEnded(db: Queryable, uid: string): Promise<boolean> {
  const ended = await db
    .selectFrom('sessions')
    .select('uid')
    .where('uid', '=', uid)
    .where('endedAt', 'is not', null)
    .executeTakeFirst()
  return ended !== undefined
}

/** The sessions that a person has now, latest first. @param idleSeconds after which a session ends by itself */
export function listSessions(db: Queryable, userId: string, idleSeconds: number): Promise<SessionRecord[]> {
  return db
    .selectFrom('sessions')
    .select(['uid', 'userId', 'ip', 'userAgent', 'createdAt', 'lastUsedAt'])
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .where('lastUsedAt', '>', new Date(Date.now() - idleSeconds * 1000))
    .orderBy('lastUsedAt', 'desc')
    .limit(100)
    .execute()
}

/** Ends one session of a person with everything it gave. @returns whether there was such a session */
export async function endSession(tx: Queryable, userId: string, uid: string): Promise<boolean> {
  const ended = await tx
    .updateTable('sessions')
    .set({ endedAt: sql<Date>`now()` })
    .where('userId', '=', userId)
    .where('uid', '=', uid)
    .where('endedAt', 'is', null)
    .returning('uid')
    .executeTakeFirst()
  if (!ended) return false
  await revokeGrants(tx, userId, (grants) => grants.where('sessionUid', '=', uid))
  return true
}

/**
 * Ends every session of a person but the one given, and every grant that was not given by it, direct authentication's
 * included: at once, on every node.
 */
export async function endOtherSessions(tx: Queryable, userId: string, exceptUid: string | undefined): Promise<void> {
  let others = tx
    .updateTable('sessions')
    .set({ endedAt: sql<Date>`now()` })
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
  if (exceptUid) others = others.where('uid', '!=', exceptUid)
  await others.execute()
  await revokeGrants(tx, userId, (grants) =>
    exceptUid ? grants.where(sql<boolean>`session_uid is distinct from ${exceptUid}`) : grants,
  )
}

type GrantUpdate = ReturnType<typeof grantsOf>

async function revokeGrants(tx: Queryable, userId: string, narrow: (grants: GrantUpdate) => GrantUpdate) {
  await narrow(grantsOf(tx, userId)).execute()
}

function grantsOf(tx: Queryable, userId: string) {
  return tx
    .updateTable('oauthGrants')
    .set({ revokedAt: sql<Date>`now()` })
    .where('userId', '=', userId)
    .where('revokedAt', 'is', null)
}
