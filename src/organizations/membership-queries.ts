import { sql } from 'kysely'
import { isStorable, type Queryable } from '../database/database.ts'
import { GatehouseError } from '../errors.ts'

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

/**
 * A member of an organization, active or not, by user id or e-mail address.
 * @throws GatehouseError not_found, also for whoever belongs to another organization only
 */
export async function requireMember(db: Queryable, organizationId: string, idOrEmail: string): Promise<Member> {
  const member = isStorable(idOrEmail)
    ? await db
        .selectFrom('memberships as m')
        .innerJoin('users as u', 'u.id', 'm.userId')
        .select(['u.id', 'u.email', 'u.name'])
        .where('m.organizationId', '=', organizationId)
        .where((where) =>
          where.or([where('u.id', '=', idOrEmail), where(sql`lower(u.email)`, '=', idOrEmail.trim().toLowerCase())]),
        )
        .executeTakeFirst()
    : undefined
  if (!member) throw new GatehouseError('not_found', 'There is no such member in this organization.')
  return member
}
