import type { Queryable } from '../database/database.ts'

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
