import { authorizationOrigins, heldFrom, listGrantSources } from '#directory/access/authorization-origins.ts'
import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { describeDataScope, describeOrigin, describePermission } from '#directory/access/describe-authorization.ts'
import type { Queryable } from '#foundation/database/database.ts'

const mostListed = 50

/** What a member may do and see in an organization, each with every place that it comes from. */
export async function effectiveRights(db: Queryable, member: { userId: string; organizationId: string }) {
  const [sources, catalogue] = await Promise.all([listGrantSources(db, member), readCatalogue(db)])
  const held = heldFrom(sources)
  const origins = authorizationOrigins(held, sources)
  const direct = sources.find(({ origin }) => origin === 'direct')
  return {
    permissions: origins.permissions.slice(0, mostListed).map(({ permission, from }) => ({
      name: permission,
      title: describePermission(permission, catalogue),
      from: from.map(describeOrigin),
    })),
    dataScopes: origins.dataScopes
      .slice(0, mostListed)
      .map((scope) => ({ title: describeDataScope(scope), from: scope.from.map(describeOrigin) })),
    more: Math.max(0, held.permissions.length - mostListed) + Math.max(0, held.dataScopes.length - mostListed),
    direct: { permissions: direct?.permissions.length ?? 0, dataScopes: direct?.dataScopes.length ?? 0 },
  }
}
