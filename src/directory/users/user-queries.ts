import { sql } from 'kysely'
import { cursorTime } from '#foundation/database/clock.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { isBeyond } from '#foundation/database/newest-first.ts'
import type { User } from '#foundation/database/schema.ts'
import { startsWith } from '#foundation/database/starts-with.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { PageQuery } from '#foundation/http/list.ts'
import { emailKey } from '#foundation/values/email-address.ts'

/** An active user by id. */
export function findActiveUser(db: Queryable, id: string): Promise<User | undefined> {
  return db.selectFrom('users').selectAll().where('id', '=', id).where('deactivatedAt', 'is', null).executeTakeFirst()
}

/** The same, held until the transaction ends, so that a person's password and address change one at a time. */
export function lockActiveUser(tx: Queryable, id: string): Promise<User | undefined> {
  return tx
    .selectFrom('users')
    .selectAll()
    .where('id', '=', id)
    .where('deactivatedAt', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst()
}

/** A user by e-mail address, compared case-insensitively, active or not. */
export async function findUserByEmail(db: Queryable, email: string): Promise<User | undefined> {
  if (!isStorable(email)) return undefined
  return db.selectFrom('users').selectAll().where(sql<string>`lower(email)`, '=', emailKey(email)).executeTakeFirst()
}

/** A user by id or e-mail address, active or not. @throws GatehouseError not_found */
export async function requireUser(db: Queryable, idOrEmail: string): Promise<User> {
  const query = db.selectFrom('users').selectAll()
  const byId = isStorable(idOrEmail) ? await query.where('id', '=', idOrEmail).executeTakeFirst() : undefined
  const user = byId ?? (await findUserByEmail(db, idOrEmail))
  if (!user) throw new GatehouseError('not_found', 'There is no such user.')
  return user
}

/** The users of these ids and of these addresses in lower case, active or not. */
export function listUsers(
  db: Queryable,
  { ids, emails }: { ids: readonly string[]; emails: readonly string[] },
): Promise<User[]> {
  return db
    .selectFrom('users')
    .selectAll()
    .where(sql<boolean>`lower(email) = any(${emails}::text[]) or id = any(${ids}::text[])`)
    .execute()
}

/** Users by address, along its index. @param after the address before, in lower case; undefined: from the first */
export function listUsersInOrder(
  db: Queryable,
  { search, active, superadmin }: { search?: string | undefined } & Omit<UserFilter, 'q'>,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<User[]> {
  let users = db.selectFrom('users').selectAll()
  if (search !== undefined) {
    users = users.where(sql<boolean>`strpos(lower(email) || ' ' || lower(name), lower(${search})) > 0`)
  }
  if (active !== undefined) users = users.where('deactivatedAt', active ? 'is' : 'is not', null)
  if (superadmin !== undefined) users = users.where('superadmin', '=', superadmin)
  if (after !== undefined) users = users.where(sql<boolean>`lower(email) > ${after}`)
  return users.orderBy(sql`lower(email)`).limit(limit).execute()
}

/** Whether the deployment has a user, active or not. */
export async function hasUsers(db: Queryable): Promise<boolean> {
  return (await db.selectFrom('users').select('id').limit(1).executeTakeFirst()) !== undefined
}

/** Until `tx` ends no other adds or changes a user; those under way have ended by then. */
export async function holdNewUsers(tx: Queryable): Promise<void> {
  await sql`lock table users in share row exclusive mode`.execute(tx)
}

/** The active superadmins, by id. */
export async function listSuperadminIds(db: Queryable): Promise<string[]> {
  const superadmins = await db
    .selectFrom('users')
    .select('id')
    .where('superadmin', '=', true)
    .where('deactivatedAt', 'is', null)
    .orderBy('id')
    .execute()
  return superadmins.map(({ id }) => id)
}

/**
 * One password hash of each cost that anyone's has: of its form, its parameters and its length, as the beginnings of
 * `$argon2id$v=19$m=19456,t=2,p=1$…`, `$2b$12$…` and `$pbkdf2-sha256$i=600000$…` have them.
 */
export async function listPasswordSamples(db: Queryable): Promise<string[]> {
  const { rows } = await sql<{ sample: string }>`
    select min(password_hash collate "C") as sample from users where password_hash is not null
    group by substring(password_hash from '^\\$(?:argon2[a-z]+\\$v=[0-9]+\\$[^$]*|[^$]+\\$[^$]*)'), length(password_hash)`.execute(
    db,
  )
  return rows.map(({ sample }) => sample)
}

/** Names of people by id, active or not. */
export async function namesOfPeople(db: Queryable, ids: string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await db.selectFrom('users').select(['id', 'name']).where('id', 'in', ids).execute()
  return new Map(rows.map(({ id, name }) => [id, name]))
}

const proven = sql<boolean>`email_verified_at is not null`

/** Everyone who has proved their address, or for whom somebody vouched, active or not, by address. */
export function provenUsers(db: Queryable) {
  return db.selectFrom('users').selectAll().where(proven).orderBy(sql`lower(email) collate "C"`)
}

export async function countUnprovenUsers(db: Queryable): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from users where email_verified_at is null`.execute(db)
  return Number(rows[0]?.count)
}

export interface UserFilter {
  /** Beginning of the address or of the name. */
  q?: string | undefined
  superadmin?: boolean | undefined
  active?: boolean | undefined
}

/** The deployment's users, newest first. */
export function listUsersNewestFirst(
  db: Queryable,
  { q, superadmin, active }: UserFilter,
  { limit, cursor }: PageQuery,
): Promise<(User & { at: string })[]> {
  let query = db
    .selectFrom('users')
    .selectAll()
    .select(cursorTime(sql.ref('createdAt')).as('at'))
  if (q !== undefined) query = query.where(startsWith(q, ['email', 'name']))
  if (superadmin !== undefined) query = query.where('superadmin', '=', superadmin)
  if (active !== undefined) query = query.where('deactivatedAt', active ? 'is' : 'is not', null)
  if (cursor) query = query.where(isBeyond(cursor, ['createdAt', 'id']))
  return query
    .orderBy('createdAt', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
}
