import { z } from 'zod'
import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { describeDataScope } from '#directory/access/describe-authorization.ts'
import { pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { coversScope, type DataScope, unionOfDataScopes } from '#foundation/values/data-scope.ts'
import { covers } from '#foundation/values/permission.ts'
import { grantsPath } from './grant-holder.ts'
import { accountRows, type MatrixRequest, memberRows, type Row, teamRows } from './matrix-rows.ts'
import { groupPermissions, type PermissionGroup } from './permission-groups.ts'

/** More columns than that are shown by resource, each opened when it is asked for. */
const mostColumnsAtOnce = 12
const mostScopesShown = 3
const mostGrantsShown = 6

const cursor = pageQuery.cursor.catch(undefined)
const matrixQuery = z.object({
  q: z.string().trim().max(254).catch(''),
  /** Resources whose permissions have a column each, by commas; `-` none. */
  open: z.string().max(2_000).optional().catch(undefined),
  teams: cursor,
  members: cursor,
  accounts: cursor,
})

export async function showMatrix(request: MatrixRequest): Promise<void> {
  const { ctx, db, signedIn, show } = request
  const query = parse(matrixQuery, { ...ctx.query })
  const catalogue = await readCatalogue(db)
  const columns = columnsOf(groupPermissions(catalogue), query.open)
  const { q, teams, members, accounts } = query
  const sections = await Promise.all([
    teamRows(request, { q, cursor: teams }),
    memberRows(request, { q, cursor: members }),
    accountRows(request, { q, cursor: accounts }),
  ])
  const link = linkKeeping(ctx.query)
  await show('grants/matrix', {
    at: grantsPath,
    organizationName: signedIn.organization.name,
    q: query.q,
    columns: columns.map(({ resource, permissions, isOpen }) => ({
      resource,
      permissions,
      isOpen,
      href: link({ open: toggled(columns, resource) }),
    })),
    sections: sections.map(({ kind, rows, nextCursor, isFirst }) => ({
      kind,
      isFirst,
      rows: rows.map((row) => toView(row, columns)),
      olderUrl: nextCursor && link({ [kind]: nextCursor }),
      newestUrl: link({ [kind]: undefined }),
    })),
    hasCatalogue: catalogue.size > 0,
  })
}

type Column = PermissionGroup & { isOpen: boolean }

function columnsOf(groups: PermissionGroup[], open: string | undefined): Column[] {
  const count = groups.reduce((sum, { permissions }) => sum + permissions.length, 0)
  const named = open?.split(',')
  return groups.map((group) => ({ ...group, isOpen: named?.includes(group.resource) ?? count <= mostColumnsAtOnce }))
}

/** Which are open once this one is opened, or closed. */
function toggled(columns: readonly Column[], resource: string): string {
  const open = columns.filter((column) => column.isOpen !== (column.resource === resource))
  return open.map((column) => column.resource).join() || '-'
}

/** The same page with something else in its address. */
function linkKeeping(query: Record<string, unknown>): (changes: Record<string, string | undefined>) => string {
  const kept = Object.fromEntries(
    Object.entries(query).filter(([name, value]) => name in matrixQuery.shape && typeof value === 'string' && value),
  )
  return (changes) => {
    const wanted = Object.entries({ ...kept, ...changes }).filter(([, value]) => value)
    const search = new URLSearchParams(wanted as [string, string][]).toString()
    return search ? `${grantsPath}?${search}` : grantsPath
  }
}

/** From where a right comes, the plainest first. */
type State = 'direct' | 'wildcard' | 'team' | 'superadmin' | 'none'

function toView(row: Row, columns: readonly Column[]) {
  const { own, teams, isSuperadmin, ...facts } = row
  const scopes = scopesOf(row)
  return {
    ...facts,
    isSuperadmin,
    hasAll: own.permissions.includes('*'),
    cells: columns.flatMap(({ resource, permissions, isOpen }) => {
      const states = permissions.map(({ name }) => ({ name, state: stateOf(row, name) }))
      if (isOpen) return states.map(({ name, state }) => ({ permission: name, state }))
      const held = states.filter(({ state }) => state !== 'none').length
      return [{ permission: `${resource}:*`, held, of: states.length, state: held === 0 ? 'none' : commonest(states) }]
    }),
    granted: own.permissions.slice(0, mostGrantsShown),
    moreGranted: Math.max(0, own.permissions.length - mostGrantsShown),
    scopes: scopes.slice(0, mostScopesShown),
    moreScopes: Math.max(0, scopes.length - mostScopesShown),
    teamNames: teams.slice(0, mostGrantsShown).map(({ name }) => name),
  }
}

/** Their own, then those that only a team gives. */
function scopesOf({ own, teams }: Row) {
  const all = unionOfDataScopes([own.dataScopes, ...teams.map(({ dataScopes }) => dataScopes)])
  const isOwn = (scope: DataScope) => own.dataScopes.some((granted) => coversScope(granted, scope))
  const beyond = all.filter((scope) => !isOwn(scope))
  return [
    ...own.dataScopes.map((scope) => ({ title: describeDataScope(scope), isOfTeam: false })),
    ...beyond.map((scope) => ({ title: describeDataScope(scope), isOfTeam: true })),
  ]
}

function stateOf({ own, teams, isSuperadmin }: Row, permission: string): State {
  if (own.permissions.includes(permission)) return 'direct'
  if (own.permissions.some((granted) => covers(granted, permission))) return 'wildcard'
  if (teams.some((team) => team.permissions.some((granted) => covers(granted, permission)))) return 'team'
  return isSuperadmin ? 'superadmin' : 'none'
}

function commonest(states: readonly { state: State }[]): State {
  const order: State[] = ['direct', 'wildcard', 'team', 'superadmin']
  return order.find((one) => states.some(({ state }) => state === one)) ?? 'none'
}
