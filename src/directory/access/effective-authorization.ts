import { sql } from 'kysely'
import { type Queryable, toJson } from '#foundation/database/database.ts'
import { unionOfDataScopes } from '#foundation/values/data-scope.ts'
import { unionOfPermissions } from '#foundation/values/permission.ts'
import type { Grants } from './grants.ts'
import { lockMemberships } from './save-grants.ts'
import { readTeams, type TeamGrants } from './team-queries.ts'

/** What a membership and all of its teams give together. */
export function effectiveGrants(own: Grants, teams: readonly Grants[]): Grants {
  const sources = [own, ...teams]
  return {
    permissions: unionOfPermissions(sources.map((source) => source.permissions)),
    dataScopes: unionOfDataScopes(sources.map((source) => source.dataScopes)),
  }
}

/**
 * `effectiveGrants` for many memberships: who has the same grants and is in the same teams shares one answer.
 */
export function effectiveGrantsOfMany(): (own: Grants, teams: readonly TeamGrants[]) => Grants {
  const known = new Map<string, Grants>()
  return (own, teams) => {
    const kind = JSON.stringify([own.permissions, own.dataScopes, teams.map(({ id }) => id)])
    const found = known.get(kind) ?? effectiveGrants(own, teams)
    known.set(kind, found)
    return found
  }
}

/**
 * Rewrites what each membership may do and see: the union of its own grants and those of its teams. A transaction that
 * changes a grant, a team or a team's members ends with this. The memberships are locked first: two
 * transactions that change two teams of one person would otherwise each compute a union without the other's change.
 * Ten thousand members cost four statements; those whose union stays are not written.
 */
export async function rewriteEffectiveAuthorization(
  tx: Queryable,
  organizationId: string,
  membershipIds: readonly string[],
): Promise<void> {
  if (membershipIds.length === 0) return
  await lockMemberships(tx, organizationId, membershipIds)
  const kinds = await readKinds(tx, organizationId, membershipIds)
  const teams = await readTeams(
    tx,
    organizationId,
    kinds.flatMap(({ teamIds }) => teamIds),
  )
  const unions = kinds.map(({ teamIds, membershipIds, ...own }) => {
    const { permissions, dataScopes } = effectiveGrants(
      own,
      teamIds.flatMap((id) => teams.get(id) ?? []),
    )
    return { ids: membershipIds, permissions, data_scopes: dataScopes }
  })
  // Unions are written in one order and spelling, so equal ones are equal text.
  await sql`
    update memberships m set effective_permissions = one.permissions, effective_data_scopes = one.data_scopes
    from json_to_recordset(${toJson(unions)}::json) as one(ids text[], permissions json, data_scopes json),
      unnest(one.ids) as owner(id)
    where m.id = owner.id and m.organization_id = ${organizationId}
      and (m.effective_permissions::text, m.effective_data_scopes::text)
        is distinct from (one.permissions::text, one.data_scopes::text)`.execute(tx)
}

interface Kind extends Grants {
  teamIds: string[]
  membershipIds: string[]
}

/** Memberships that have the same grants and are in the same teams: an organization's members are of few kinds. */
async function readKinds(tx: Queryable, organizationId: string, membershipIds: readonly string[]): Promise<Kind[]> {
  const { rows } = await sql<Kind>`
    select permissions, data_scopes, team_ids, array_agg(id) as membership_ids
    from (
      select id, permissions, data_scopes,
        array(select team_id from team_members where membership_id = m.id order by team_id) as team_ids
      from memberships m where organization_id = ${organizationId} and id = any(${membershipIds}::text[])
    ) as members
    group by permissions, data_scopes, team_ids`.execute(tx)
  return rows
}
