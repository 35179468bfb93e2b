import { sql } from 'kysely'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import type { Membership } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'

/** Whom to ask for more rights: an organization's active admins by name, the first few. */
export async function listAdminNames(db: Queryable, organizationId: string, limit: number): Promise<string[]> {
  const admins = await db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .select('u.name')
    .where('m.organizationId', '=', organizationId)
    .where('m.admin', '=', true)
    .where('m.deactivatedAt', 'is', null)
    .where('u.deactivatedAt', 'is', null)
    .orderBy('u.name')
    .orderBy('u.id')
    .limit(limit)
    .execute()
  return admins.map(({ name }) => name)
}

/** A member of an organization as others choose them. */
export interface Member {
  id: string
  email: string
  name: string
}

/** A member of an organization, active or not, by user id or e-mail address; whoever is one of another only is none. */
export async function findMember(
  db: Queryable,
  organizationId: string,
  idOrEmail: string,
): Promise<Member | undefined> {
  if (!isStorable(idOrEmail)) return undefined
  return db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .select(['u.id', 'u.email', 'u.name'])
    .where('m.organizationId', '=', organizationId)
    .where((where) =>
      where.or([where('u.id', '=', idOrEmail), where(sql`lower(u.email)`, '=', idOrEmail.trim().toLowerCase())]),
    )
    .executeTakeFirst()
}

/** @throws GatehouseError not_found, also for whoever belongs to another organization only */
export async function requireMember(db: Queryable, organizationId: string, idOrEmail: string): Promise<Member> {
  const member = await findMember(db, organizationId, idOrEmail)
  if (!member) throw new GatehouseError('not_found', 'There is no such member in this organization.')
  return member
}

/** An organization's members, active or not, by name, the first few. */
export function listMembers(
  db: Queryable,
  organizationId: string,
  limit: number,
): Promise<(Member & { superadmin: boolean; active: boolean })[]> {
  return db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .select(['u.id', 'u.email', 'u.name', 'u.superadmin'])
    .select(sql<boolean>`m.deactivated_at is null and u.deactivated_at is null`.as('active'))
    .where('m.organizationId', '=', organizationId)
    .orderBy('u.name')
    .orderBy('u.id')
    .limit(limit)
    .execute()
}

/** A membership with the address of its member. */
export type MembershipWithEmail = Membership & { email: string }

/** All memberships of organizations, active or not. */
export function listMemberships(db: Queryable, organizationIds: readonly string[]): Promise<MembershipWithEmail[]> {
  return db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .selectAll('m')
    .select('u.email')
    .where(sql<boolean>`m.organization_id = any(${organizationIds}::text[])`)
    .execute()
}
