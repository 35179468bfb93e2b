import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import type { OrganizationDomain } from '#foundation/database/schema.ts'
import type { PageQuery, Position } from '#foundation/http/list.ts'

/** An organization's own entry for a domain, verified or only claimed. */
export function findDomain(
  db: Queryable,
  { organizationId, domain }: { organizationId: string; domain: string },
): Promise<OrganizationDomain | undefined> {
  return db
    .selectFrom('organizationDomains')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('domain', '=', domain)
    .executeTakeFirst()
}

/** Whether some organization has proved that the domain is its own. */
export async function isDomainVerified(db: Queryable, domain: string): Promise<boolean> {
  const verified = await db
    .selectFrom('organizationDomains')
    .select('domain')
    .where('domain', '=', domain)
    .where('verifiedAt', 'is not', null)
    .executeTakeFirst()
  return verified !== undefined
}

/** A moment as a cursor holds it: to the millisecond. */
const createdAt = sql<Date>`date_trunc('milliseconds', created_at)`

/** A domain may be longer than what a cursor holds. */
const rank = sql<string>`md5(domain)`

export interface ListedDomain extends OrganizationDomain {
  position: Position
}

/** The domains of an organization, newest first. */
export async function listDomains(
  db: Queryable,
  organizationId: string,
  { limit, cursor }: PageQuery,
): Promise<ListedDomain[]> {
  let domains = db
    .selectFrom('organizationDomains')
    .selectAll()
    .select(rank.as('rank'))
    .where('organizationId', '=', organizationId)
    .orderBy(createdAt, 'desc')
    .orderBy(rank, 'desc')
    .limit(limit + 1)
  if (cursor) domains = domains.where(sql<boolean>`(${createdAt}, ${rank}) < (${cursor.at}, ${cursor.id})`)
  const rows = await domains.execute()
  return rows.map(({ rank, ...row }) => ({ ...row, position: { at: row.createdAt, id: rank } }))
}

/** The domains that these organizations have verified. */
export function listVerifiedDomains(
  db: Queryable,
  organizationIds: readonly string[],
): Promise<{ domain: string; organizationId: string }[]> {
  return db
    .selectFrom('organizationDomains')
    .select(['domain', 'organizationId'])
    .where(sql<boolean>`organization_id = any(${organizationIds}::text[])`)
    .where('verifiedAt', 'is not', null)
    .execute()
}

/** Which organizations, by slug, have verified these domains. */
export function listOwnersOfDomains(
  db: Queryable,
  domains: readonly string[],
): Promise<{ domain: string; slug: string }[]> {
  return db
    .selectFrom('organizationDomains as d')
    .innerJoin('organizations as o', 'o.id', 'd.organizationId')
    .select(['d.domain', 'o.slug'])
    .where(sql<boolean>`d.domain = any(${domains}::text[])`)
    .where('d.verifiedAt', 'is not', null)
    .execute()
}

/** How many active members of an organization sign in with an address of a domain. */
export async function countMembersOfDomain(
  db: Queryable,
  { organizationId, domain }: { organizationId: string; domain: string },
): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from memberships m
    join users u on u.id = m.user_id
    where m.organization_id = ${organizationId} and m.deactivated_at is null and u.deactivated_at is null
      and split_part(lower(u.email), '@', 2) = ${domain}`.execute(db)
  return rows[0]?.count ?? 0
}
