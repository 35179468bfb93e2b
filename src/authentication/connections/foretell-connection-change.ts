import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection, User } from '#foundation/database/schema.ts'

type Person = Pick<User, 'id' | 'name' | 'email'>

/** People whom a change of a connection concerns: how many there are, and the first of them by name. */
export interface ConcernedPeople {
  count: number
  first: Person[]
}

type Concerned = ConcernedPeople & { isAmong: boolean }

/** More are counted, not named. */
export const mostPeopleNamed = 20

/**
 * The active members of an organization who have not signed in through any connection that it would require together with
 * this one: a password lets them in no more. Superadmins are exempt.
 * @param of.userId of whom `isAmong` tells whether they are one of them
 */
export function listMembersWithoutRequired(
  db: Queryable,
  { id, organizationId, userId }: Pick<Connection, 'id'> & { organizationId: string; userId: string },
): Promise<Concerned> {
  return concerned(
    db,
    sql`select u.id, u.name, u.email from memberships m join users u on u.id = m.user_id
      where m.organization_id = ${organizationId} and m.deactivated_at is null and u.deactivated_at is null
        and not u.superadmin and not exists (
          select from identities i join connections c on c.id = i.connection_id
          where i.user_id = u.id and c.organization_id = ${organizationId} and (c.id = ${id} or (c.required and c.enabled)))`,
    userId,
  )
}

/** Who signs in through a connection, and who of them has no password and no other connection that is enabled. */
export async function listPeopleOfConnection(
  db: Queryable,
  { id }: Pick<Connection, 'id'>,
): Promise<{ all: ConcernedPeople; withoutAnother: ConcernedPeople }> {
  const of = sql`select u.id, u.name, u.email from users u
    where u.deactivated_at is null and exists (select from identities where connection_id = ${id} and user_id = u.id)`
  const another = sql`exists (select from identities i join connections c on c.id = i.connection_id
    where i.user_id = u.id and c.id <> ${id} and c.enabled)`
  const [all, withoutAnother] = await Promise.all([
    concerned(db, of),
    concerned(db, sql`${of} and u.password_hash is null and not ${another}`),
  ])
  return { all, withoutAnother }
}

async function concerned(db: Queryable, people: RawBuilder<unknown>, userId = ''): Promise<Concerned> {
  const { rows } = await sql<Person & { total: number; isAmong: boolean }>`
    select *, count(*) over ()::int as total, bool_or(id = ${userId}) over () as is_among
    from (${people}) as people order by lower(name), id limit ${mostPeopleNamed}`.execute(db)
  const [{ total: count, isAmong } = { total: 0, isAmong: false }] = rows
  return { count, isAmong, first: rows.map(({ id, name, email }) => ({ id, name, email })) }
}
