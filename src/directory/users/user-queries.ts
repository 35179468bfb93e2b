import { sql } from 'kysely'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
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

/** The parameters of every argon2id hash that anyone has, as PHC strings have them: `m=19456,t=2,p=1`. */
export async function listPasswordParameters(db: Queryable): Promise<string[]> {
  const { rows } = await sql<{ parameters: string }>`
    select distinct split_part(password_hash, '$', 4) as parameters from users where password_hash is not null`.execute(
    db,
  )
  return rows.map(({ parameters }) => parameters)
}

/** Names of people by id, active or not. */
export async function namesOfPeople(db: Queryable, ids: string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await db.selectFrom('users').select(['id', 'name']).where('id', 'in', ids).execute()
  return new Map(rows.map(({ id, name }) => [id, name]))
}
