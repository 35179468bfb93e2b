import { sql } from 'kysely'
import { cursorTime } from '#foundation/database/clock.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { isBeyond } from '#foundation/database/newest-first.ts'
import type { Organization, User } from '#foundation/database/schema.ts'
import { startsWith } from '#foundation/database/starts-with.ts'
import type { PageQuery } from '#foundation/http/list.ts'

/** An organization that a person may act in, with what the chooser shows of it. */
export interface OrganizationOption extends Organization {
  admin: boolean
  teamCount: number
}

/** The organizations in which a user is an active member, by name. */
export function listOrganizationsOfUser(db: Queryable, userId: string): Promise<OrganizationOption[]> {
  return db
    .selectFrom('organizations as o')
    .innerJoin('memberships as m', 'm.organizationId', 'o.id')
    .selectAll('o')
    .select('m.admin')
    .select((column) =>
      column
        .selectFrom('teamMembers as t')
        .select((count) => count.fn.countAll<number>().as('teams'))
        .whereRef('t.membershipId', '=', 'm.id')
        .as('teamCount'),
    )
    .where('m.userId', '=', userId)
    .where('m.deactivatedAt', 'is', null)
    .where('o.suspendedAt', 'is', null)
    .orderBy('o.name')
    .orderBy('o.id')
    .execute() as Promise<OrganizationOption[]>
}

/** Names of the suspended organizations in which a user would be an active member. */
export async function listSuspendedOrganizationsOfUser(db: Queryable, userId: string): Promise<string[]> {
  const organizations = await db
    .selectFrom('organizations as o')
    .innerJoin('memberships as m', 'm.organizationId', 'o.id')
    .select('o.name')
    .where('m.userId', '=', userId)
    .where('m.deactivatedAt', 'is', null)
    .where('o.suspendedAt', 'is not', null)
    .orderBy('o.name')
    .execute()
  return organizations.map(({ name }) => name)
}

/** What a superadmin who belongs to no organization may choose from: every active one, by name. */
export async function listActiveOrganizations(db: Queryable, limit: number): Promise<OrganizationOption[]> {
  const organizations = await db
    .selectFrom('organizations')
    .selectAll()
    .where('suspendedAt', 'is', null)
    .orderBy('name')
    .orderBy('id')
    .limit(limit)
    .execute()
  return organizations.map((organization) => ({ ...organization, admin: true, teamCount: 0 }))
}

/** An active organization by slug or id. */
export async function findOrganization(db: Queryable, slugOrId: string): Promise<Organization | undefined> {
  if (!isStorable(slugOrId)) return undefined
  return db
    .selectFrom('organizations')
    .selectAll()
    .where((where) => where.or([where('slug', '=', slugOrId), where('id', '=', slugOrId)]))
    .where('suspendedAt', 'is', null)
    .executeTakeFirst()
}

/** The same, suspended or not: for who asks why nothing works there. */
export async function findOrganizationEvenSuspended(
  db: Queryable,
  slugOrId: string,
): Promise<Organization | undefined> {
  if (!isStorable(slugOrId)) return undefined
  return db
    .selectFrom('organizations')
    .selectAll()
    .where((where) => where.or([where('slug', '=', slugOrId), where('id', '=', slugOrId)]))
    .executeTakeFirst()
}

/** The organizations in which a user is an active member, or all that there are; newest first. */
export function listOrganizations(
  db: Queryable,
  filter: { userId?: string | undefined; q?: string | undefined; active?: boolean | undefined },
  { limit, cursor }: PageQuery,
): Promise<(Organization & { at: string })[]> {
  let query = db
    .selectFrom('organizations')
    .selectAll()
    .select(cursorTime(sql.ref('createdAt')).as('at'))
  if (filter.userId !== undefined) {
    const own = db.selectFrom('memberships').select('organizationId').where('deactivatedAt', 'is', null)
    query = query.where('id', 'in', own.where('userId', '=', filter.userId))
  }
  if (filter.q !== undefined) query = query.where(startsWith(filter.q, ['slug', 'name']))
  if (filter.active !== undefined) query = query.where('suspendedAt', filter.active ? 'is' : 'is not', null)
  if (cursor) query = query.where(isBeyond(cursor, ['createdAt', 'id']))
  return query
    .orderBy('createdAt', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
}

/** The active organization that has verified an e-mail domain. An unverified claim counts for nothing. */
export function findOrganizationOfDomain(db: Queryable, domain: string): Promise<Organization | undefined> {
  return db
    .selectFrom('organizationDomains as d')
    .innerJoin('organizations as o', 'o.id', 'd.organizationId')
    .selectAll('o')
    .where('d.domain', '=', domain.toLowerCase())
    .where('d.verifiedAt', 'is not', null)
    .where('o.suspendedAt', 'is', null)
    .executeTakeFirst()
}

/** The organization, if the user may act in it: as an active member, or as superadmin. */
export async function findOrganizationForUser(
  db: Queryable,
  user: Pick<User, 'id' | 'superadmin'>,
  slugOrId: string,
): Promise<Organization | undefined> {
  const organization = await findOrganization(db, slugOrId)
  if (!organization || user.superadmin) return organization
  const membership = await db
    .selectFrom('memberships')
    .select('id')
    .where('organizationId', '=', organization.id)
    .where('userId', '=', user.id)
    .where('deactivatedAt', 'is', null)
    .executeTakeFirst()
  return membership && organization
}

/** The organizations of these slugs, suspended or not. */
export function listOrganizationsBySlug(db: Queryable, slugs: readonly string[]): Promise<Organization[]> {
  return db.selectFrom('organizations').selectAll().where(sql<boolean>`slug = any(${slugs}::text[])`).execute()
}

/** Organizations by slug, suspended or not. @param after the slug before; undefined: from the first */
export function listOrganizationsInOrder(
  db: Queryable,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<Organization[]> {
  let organizations = db.selectFrom('organizations').selectAll()
  if (after !== undefined) organizations = organizations.where('slug', '>', after)
  return organizations.orderBy('slug').limit(limit).execute()
}

/** An organization by id, suspended or not, held until the transaction ends. */
export function holdOrganization(tx: Queryable, id: string): Promise<Organization | undefined> {
  return tx.selectFrom('organizations').selectAll().where('id', '=', id).forNoKeyUpdate().executeTakeFirst()
}

/** Every organization, suspended or not, by slug. */
export function allOrganizations(db: Queryable): Promise<Organization[]> {
  return db.selectFrom('organizations').selectAll().orderBy(sql`slug collate "C"`).execute()
}

/** Whether the deployment has an organization, suspended or not. */
export async function hasOrganization(db: Queryable): Promise<boolean> {
  return (await db.selectFrom('organizations').select('id').limit(1).executeTakeFirst()) !== undefined
}

/** What organizations are called, by id. */
export async function namesOfOrganizations(
  db: Queryable,
  ids: readonly string[],
): Promise<Map<string, Pick<Organization, 'id' | 'slug' | 'name'>>> {
  if (ids.length === 0) return new Map()
  const rows = await db.selectFrom('organizations').select(['id', 'slug', 'name']).where('id', 'in', ids).execute()
  return new Map(rows.map((row) => [row.id, row]))
}
