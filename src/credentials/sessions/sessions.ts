import { sql } from 'kysely'
import { cursorTime } from '#foundation/database/clock.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { isBeyond } from '#foundation/database/newest-first.ts'
import type { PageQuery } from '#foundation/http/list.ts'
import { logText } from '#foundation/values/log-text.ts'

/** A browser's sign-in as its owner sees it. */
export interface SessionRecord {
  uid: string
  userId: string
  ip: string | null
  userAgent: string | null
  createdAt: Date
  lastUsedAt: Date
}

/** Where a session is used. */
interface Use {
  uid: string
  ip: string | undefined
  userAgent: string | undefined
}

/**
 * Makes the row of a session whose person has just signed in: from now on it decides whether the session lives, and with
 * it every grant that the session gives. The row of the person is held meanwhile, so that a password which is changed at
 * this moment ends the session too, or keeps it from beginning.
 * @param passwordVersion the password's, when the sign-in was proven (see `protocol/library/outdated-logins.ts`)
 * @returns false when the sign-in is outdated: another password since, or the person is deactivated
 */
export async function beginSession(
  db: Queryable,
  { uid, ip, userAgent, userId, passwordVersion }: Use & { userId: string; passwordVersion: string | null },
): Promise<boolean> {
  const { rows } = await sql`
    insert into sessions (uid, user_id, ip, user_agent)
    select ${uid}, id, ${ip ?? null}, ${logText(userAgent) ?? null} from users
    where id = ${userId} and deactivated_at is null
      and date_trunc('milliseconds', password_changed_at) is not distinct from ${passwordVersion}::timestamptz
    for share
    on conflict (uid) do update set last_used_at = now()
      where sessions.user_id = excluded.user_id and sessions.ended_at is null
    returning uid`.execute(db)
  return rows.length > 0
}

/** Notes that a session is in use; written at most once a minute for each. */
export async function recordSessionUse(db: Queryable, { uid, ip }: Pick<Use, 'uid' | 'ip'>): Promise<void> {
  await db
    .updateTable('sessions')
    .set({ lastUsedAt: sql<Date>`now()`, ...(ip && { ip }) })
    .where('uid', '=', uid)
    .where('lastUsedAt', '<', sql<Date>`now() - interval '1 minute'`)
    .execute()
}

/** Whether a session was begun and has not ended: by sign-out, its owner elsewhere, or a new password. */
export async function isSessionLive(db: Queryable, uid: string): Promise<boolean> {
  const live = await db
    .selectFrom('sessions')
    .select('uid')
    .where('uid', '=', uid)
    .where('endedAt', 'is', null)
    .executeTakeFirst()
  return live !== undefined
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

/** The same for a list that goes on from page to page, latest sign-in first. */
export function listSessionsNewestFirst(
  db: Queryable,
  { userId, idleSeconds }: { userId: string; idleSeconds: number },
  { limit, cursor }: PageQuery,
): Promise<(SessionRecord & { at: string })[]> {
  let query = db
    .selectFrom('sessions')
    .select(['uid', 'userId', 'ip', 'userAgent', 'createdAt', 'lastUsedAt'])
    .select(cursorTime(sql.ref('createdAt')).as('at'))
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .where('lastUsedAt', '>', sql<Date>`now() - make_interval(secs => ${idleSeconds})`)
  if (cursor) query = query.where(isBeyond(cursor, ['createdAt', 'uid']))
  return query
    .orderBy('createdAt', 'desc')
    .orderBy('uid', 'desc')
    .limit(limit + 1)
    .execute()
}

/** Whose session it is, while it lives. */
export async function findOwnerOfSession(db: Queryable, uid: string): Promise<string | undefined> {
  if (!isStorable(uid)) return undefined
  const session = await db
    .selectFrom('sessions')
    .select('userId')
    .where('uid', '=', uid)
    .where('endedAt', 'is', null)
    .executeTakeFirst()
  return session?.userId
}
