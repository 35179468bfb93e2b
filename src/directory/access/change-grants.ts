import { requireAdminOf } from '#directory/users/actor.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Team } from '#foundation/database/schema.ts'
import type { Grants } from './grants.ts'
import type { TeamCandidate } from './manage-team.ts'
import { type GrantManagement, holdGrantsOfMember, setGrantsOfMember, setGrantsOfTeam } from './set-grants.ts'
import { holdTeam } from './team-queries.ts'

/*
 * Adding to grants and taking away from them. Whoever changes the same grants meanwhile waits, so that neither writes
 * over what the other has given.
 */

export interface GrantChange {
  add?: Grants
  /** As it was given: a narrower one than that takes nothing away. */
  remove?: Grants
}

/** @returns what is granted directly now @throws as `setGrantsOfMember` */
export function changeGrantsOfMember(
  db: Queryable,
  management: GrantManagement,
  member: TeamCandidate,
  change: GrantChange,
): Promise<Grants> {
  requireAdminOf(management.actor, management.organization.id)
  return inTransaction(db, async (tx) => {
    const before = await holdGrantsOfMember(tx, management.organization.id, member.id)
    return setGrantsOfMember(tx, management, member, changedGrants(before, change))
  })
}

/** @returns and @throws as `changeGrantsOfMember` */
export function changeGrantsOfTeam(
  db: Queryable,
  management: GrantManagement,
  place: Pick<Team, 'id' | 'organizationId'>,
  change: GrantChange,
): Promise<Grants> {
  requireAdminOf(management.actor, management.organization.id)
  return inTransaction(db, async (tx) => {
    const before = await holdTeam(tx, place, 'change')
    return setGrantsOfTeam(tx, management, place, changedGrants(before, change))
  })
}

export function changedGrants(before: Grants, { add, remove }: GrantChange): Grants {
  const gone = new Set([...(remove?.permissions ?? []), ...(remove?.dataScopes ?? []).map(nameOf)])
  return {
    permissions: [...before.permissions.filter((one) => !gone.has(one)), ...(add?.permissions ?? [])],
    dataScopes: [...before.dataScopes.filter((one) => !gone.has(nameOf(one))), ...(add?.dataScopes ?? [])],
  }
}

function nameOf({ source, scope_id }: Grants['dataScopes'][number]): string {
  return JSON.stringify([source, scope_id])
}
