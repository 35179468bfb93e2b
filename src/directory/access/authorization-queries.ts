import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'

/** Every permission that exists, with its description, by name. */
export async function readCatalogue(db: Queryable): Promise<Map<string, string>> {
  const permissions = await db.selectFrom('permissions').selectAll().orderBy('name').execute()
  return new Map(permissions.map(({ name, description }) => [name, description]))
}

/** What the members of an organization see, the first few; the scope of everything says nothing about what there is. */
export async function listDataScopesInUse(db: Queryable, organizationId: string, limit: number): Promise<DataScope[]> {
  const { rows } = await sql<{ scope: DataScope }>`
    select distinct scope from memberships, jsonb_array_elements(effective_data_scopes::jsonb) as scope
    where organization_id = ${organizationId} and scope ->> 'source' is not null
    order by scope limit ${limit}`.execute(db)
  return rows.map(({ scope }) => scope)
}

/** What a person may do in an organization at this moment: their own grants and those of their teams. */
export async function listEffectivePermissions(
  db: Queryable,
  { userId, organizationId }: { userId: string; organizationId: string },
): Promise<string[]> {
  const person = await db
    .selectFrom('users as u')
    .leftJoin('memberships as m', (join) =>
      join.onRef('m.userId', '=', 'u.id').on('m.organizationId', '=', organizationId).on('m.deactivatedAt', 'is', null),
    )
    .select(['u.superadmin', 'm.effectivePermissions'])
    .where('u.id', '=', userId)
    .executeTakeFirst()
  return person?.superadmin ? ['*'] : (person?.effectivePermissions ?? [])
}
