import type { Queryable } from '#foundation/database/database.ts'
import { coversScope, type DataScope, everything, unionOfDataScopes } from '#foundation/values/data-scope.ts'
import { covers, unionOfPermissions } from '#foundation/values/permission.ts'
import type { Grants } from './grants.ts'

/** Where a permission or a data scope comes from. */
export type Origin = 'direct' | 'superadmin' | { team: { id: string; name: string } }

/** What one place gives. */
export interface GrantSource extends Grants {
  origin: Origin
}

export interface AuthorizationOrigins {
  permissions: { permission: string; from: Origin[] }[]
  dataScopes: (DataScope & { from: Origin[] })[]
}

/**
 * Each thing that a person may do and see, with every place it comes from: the answer to "why can I see this?", and to
 * what else would have to go before they couldn't. A wider grant counts: `*` gives `reports:read` too.
 * @param held effective authorization, narrowed or not
 */
export function authorizationOrigins(held: Grants, sources: readonly GrantSource[]): AuthorizationOrigins {
  const from = (gives: (source: GrantSource) => boolean) => sources.filter(gives).map((source) => source.origin)
  return {
    permissions: held.permissions.map((permission) => ({
      permission,
      from: from((source) => source.permissions.some((granted) => covers(granted, permission))),
    })),
    dataScopes: held.dataScopes.map((scope) => ({
      ...scope,
      from: from((source) => source.dataScopes.some((granted) => coversScope(granted, scope))),
    })),
  }
}

/** The union of every place, as introspection answers it: a superadmin's is everything, whatever else there is. */
export function heldFrom(sources: readonly GrantSource[]): Grants {
  if (sources.some(({ origin }) => origin === 'superadmin')) return { permissions: ['*'], dataScopes: [everything] }
  return {
    permissions: unionOfPermissions(sources.map((source) => source.permissions)),
    dataScopes: unionOfDataScopes(sources.map((source) => source.dataScopes)),
  }
}

/** Every place from which a user holds anything in an organization: being superadmin, the membership, its teams by name. */
export async function listGrantSources(
  db: Queryable,
  { userId, organizationId }: { userId: string; organizationId: string },
): Promise<GrantSource[]> {
  const user = await db.selectFrom('users').select('superadmin').where('id', '=', userId).executeTakeFirst()
  const membership = await db
    .selectFrom('memberships')
    .select(['id', 'permissions', 'dataScopes'])
    .where('organizationId', '=', organizationId)
    .where('userId', '=', userId)
    .where('deactivatedAt', 'is', null)
    .executeTakeFirst()
  const sources: GrantSource[] = []
  if (user?.superadmin) sources.push({ origin: 'superadmin', permissions: ['*'], dataScopes: [everything] })
  if (!membership) return sources
  const { permissions, dataScopes } = membership
  sources.push({ origin: 'direct', permissions, dataScopes })
  return [...sources, ...(await listTeamSources(db, membership.id))]
}

async function listTeamSources(db: Queryable, membershipId: string): Promise<GrantSource[]> {
  const teams = await db
    .selectFrom('teams as t')
    .innerJoin('teamMembers as m', 'm.teamId', 't.id')
    .select(['t.id', 't.name', 't.permissions', 't.dataScopes'])
    .where('m.membershipId', '=', membershipId)
    .orderBy('t.name')
    .orderBy('t.id')
    .execute()
  return teams.map(({ id, name, ...grants }) => ({ origin: { team: { id, name } }, ...grants }))
}
