import { sql } from 'kysely'
import { cursorTime } from '#foundation/database/clock.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { isBeyond } from '#foundation/database/newest-first.ts'
import type { Permission } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { PageQuery, Position } from '#foundation/http/list.ts'
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

/** The catalogue, newest first; one row more than a page has, where there is one. */
export async function listPermissionPage(
  db: Queryable,
  { limit, cursor }: PageQuery,
): Promise<(Permission & { position: Position })[]> {
  let permissions = db.selectFrom('permissions').selectAll().select(cursorTime(sql`created_at`).as('at'))
  if (cursor) permissions = permissions.where(isBeyond(cursor, ['createdAt', 'name']))
  const rows = await permissions
    .orderBy('createdAt', 'desc')
    .orderBy('name', 'desc')
    .limit(limit + 1)
    .execute()
  return rows.map(({ at, ...permission }) => ({ ...permission, position: { at, id: permission.name } }))
}

/** @throws GatehouseError not_found */
export async function requirePermission(db: Queryable, name: string): Promise<Permission> {
  const query = db.selectFrom('permissions').selectAll().where('name', '=', name)
  const permission = isStorable(name) ? await query.executeTakeFirst() : undefined
  if (!permission) throw new GatehouseError('not_found', 'The catalogue has no such permission.')
  return permission
}
