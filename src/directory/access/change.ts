import { coversScope, type DataScope, everything, intersectDataScopes } from '#foundation/values/data-scope.ts'
import { covers, intersectPermissions } from '#foundation/values/permission.ts'
import { effectiveGrants, effectiveGrantsOfMany } from './effective-authorization.ts'
import type { Grants } from './grants.ts'
import type { TeamGrants } from './team-queries.ts'

/** A change that takes something away in one organization, before anybody makes it. */
export type Change = MemberChange | { change: 'organization_suspended' }

/** One about some of its members. */
export type MemberChange =
  | ({ change: 'member_grant_removed'; membershipId: string } & Exchange)
  | ({ change: 'team_grant_removed'; teamId: string } & Exchange)
  | { change: 'team_member_removed'; teamId: string; membershipId: string }
  | { change: 'team_deleted'; teamId: string }
  | { change: 'member_deactivated' | 'member_removed'; membershipId: string }

/** What is taken away in one place, and what is given there by the same change. */
interface Exchange {
  removed: Grants
  added?: Grants | undefined
}

/** A member whose rights work at this moment, and everything that they have them from. */
export interface Granted {
  superadmin: boolean
  own: Grants
  teams: readonly TeamGrants[]
}

/** What a change does to somebody. */
export interface Effect {
  before: Grants
  after: Grants
  /** What was covered before and is by nothing after. */
  lost: Grants
}

const nothing: Grants = { permissions: [], dataScopes: [] }
const all: Grants = { permissions: ['*'], dataScopes: [everything] }

/**
 * What a change does to each member, by the unions that `rewriteEffectiveAuthorization` writes. Members of one kind share
 * one answer. A superadmin has everything, whatever is taken away.
 */
export function effectsOf(change: MemberChange): (granted: Granted) => Effect {
  const effectiveOf = effectiveGrantsOfMany()
  const effects = new Map<Grants, Effect>()
  return ({ superadmin, own, teams }) => {
    const before = superadmin ? all : effectiveOf(own, teams)
    const effect = effects.get(before) ?? effectOn(before, grantsAfter(change, { superadmin, own, teams }))
    effects.set(before, effect)
    return effect
  }
}

function effectOn(before: Grants, after: Grants): Effect {
  return { before, after, lost: lossBetween(before, after) }
}

function grantsAfter(change: MemberChange, { superadmin, own, teams }: Granted): Grants {
  if (superadmin) return all
  if (change.change === 'member_deactivated' || change.change === 'member_removed') return nothing
  return effectiveGrants(ownAfter(change, own), teamsAfter(change, teams))
}

function ownAfter(change: MemberChange, own: Grants): Grants {
  return change.change === 'member_grant_removed' ? exchanged(own, change) : own
}

function teamsAfter(change: MemberChange, teams: readonly TeamGrants[]): readonly TeamGrants[] {
  if (change.change === 'team_deleted' || change.change === 'team_member_removed') {
    return teams.filter(({ id }) => id !== change.teamId)
  }
  if (change.change !== 'team_grant_removed') return teams
  return teams.map((team) => (team.id === change.teamId ? { ...team, ...exchanged(team, change) } : team))
}

/** What is granted in a place after an exchange there. */
export function exchanged(granted: Grants, { removed, added }: Exchange): Grants {
  const { permissions, dataScopes } = without(granted, removed)
  return {
    permissions: [...permissions, ...(added?.permissions ?? [])],
    dataScopes: [...dataScopes, ...(added?.dataScopes ?? [])],
  }
}

/** A grant is taken away as it was given: a narrower one than that is none. */
function without({ permissions, dataScopes }: Grants, removed: Grants): Grants {
  const gone = new Set(removed.dataScopes.map(({ source, scope_id }) => JSON.stringify([source, scope_id])))
  return {
    permissions: permissions.filter((one) => !removed.permissions.includes(one)),
    dataScopes: dataScopes.filter(({ source, scope_id }) => !gone.has(JSON.stringify([source, scope_id]))),
  }
}

/** What was covered before and is by nothing after. */
export function lossBetween(before: Grants, after: Grants): Grants {
  return {
    permissions: before.permissions.filter((one) => !after.permissions.some((other) => covers(other, one))),
    dataScopes: before.dataScopes.filter((one) => !after.dataScopes.some((other) => coversScope(other, one))),
  }
}

/** What a key's own restrictions say; null: none. */
export interface Restrictions {
  permissions: string[] | null
  dataScopes: DataScope[] | null
}

/** What the same change does to a key of somebody's, which carries what they have and its restrictions allow. */
export function effectOnKey(owner: Effect, restrictions: Restrictions): Effect {
  if (!restrictions.permissions && !restrictions.dataScopes) return owner
  return effectOn(narrowedGrants(owner.before, restrictions), narrowedGrants(owner.after, restrictions))
}

export function narrowedGrants(owner: Grants, { permissions, dataScopes }: Restrictions): Grants {
  return {
    permissions: permissions ? intersectPermissions(owner.permissions, permissions) : owner.permissions,
    dataScopes: dataScopes ? intersectDataScopes(owner.dataScopes, dataScopes) : owner.dataScopes,
  }
}
