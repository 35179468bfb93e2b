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
    .where('lastUsedAt', '>', sql<Date>`now() - make_interval(secs => ${idleSeconds})`)
    .orderBy('lastUsedAt', 'desc')
    .limit(100)
    .execute()
}
