import { sql } from 'kysely'
import { type Queryable, toJson } from '#foundation/database/database.ts'
import { unionOfDataScopes } from '#foundation/values/data-scope.ts'
import { unionOfPermissions } from '#foundation/values/permission.ts'

/**
 * Rewrites what each membership may do and see: the union of its own grants and those of its teams. A transaction that
 * changes a grant, a team or a team's members ends with this. The memberships are locked first: two
 * transactions that change two teams of one person would otherwise each compute a union without the other's change.
 */
export async function rewriteEffectiveAuthorization(
  tx: Queryable,
  organizationId: string,
  membershipIds: readonly string[],
): Promise<void> {
  if (membershipIds.length === 0) return
  const memberships = await tx
    .selectFrom('memberships')
    .select(['id', 'permissions', 'dataScopes'])
    .where('organizationId', '=', organizationId)
    .where('id', 'in', [...new Set(membershipIds)])
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
  if (memberships.length === 0) return
  const grantsOfTeams = await tx
    .selectFrom('teamMembers')
    .innerJoin('teams', 'teams.id', 'teamMembers.teamId')
    .select(['teamMembers.membershipId', 'teams.permissions', 'teams.dataScopes'])
    .where(
      'teamMembers.membershipId',
      'in',
      memberships.map((membership) => membership.id),
    )
    .execute()
  const teamsOf = Map.groupBy(grantsOfTeams, (grant) => grant.membershipId)
  const rewritten = memberships.map((membership) => {
    const sources = [membership, ...(teamsOf.get(membership.id) ?? [])]
    return {
      id: membership.id,
      permissions: unionOfPermissions(sources.map((source) => source.permissions)),
      data_scopes: unionOfDataScopes(sources.map((source) => source.dataScopes)),
    }
  })
  await sql`
    update memberships m set effective_permissions = row.permissions, effective_data_scopes = row.data_scopes
    from json_to_recordset(${toJson(rewritten)}::json) as row(id text, permissions json, data_scopes json)
    where m.organization_id = ${organizationId} and m.id = row.id`.execute(tx)
}
