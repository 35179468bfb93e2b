import { sql } from 'kysely'
import { type Queryable, toJson } from '#foundation/database/database.ts'
import { unionOfDataScopes } from '#foundation/values/data-scope.ts'
import { unionOfPermissions } from '#foundation/values/permission.ts'
import type { Grants } from './grants.ts'
import { readTeamsOfMembers, type TeamGrants } from './team-queries.ts'

/** What a membership and all of its teams give together. */
export function effectiveGrants(own: Grants, teams: readonly Grants[]): Grants {
  const sources = [own, ...teams]
  return {
    permissions: unionOfPermissions(sources.map((source) => source.permissions)),
    dataScopes: unionOfDataScopes(sources.map((source) => source.dataScopes)),
  }
}

/**
 * `effectiveGrants` for many memberships: who has the same grants and is in the same teams shares one answer. An
 * organization's members are of few kinds.
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
 * Ten thousand members cost three statements; those whose union stays are not written.
 */
export async function rewriteEffectiveAuthorization(
  tx: Queryable,
  organizationId: string,
  membershipIds: readonly string[],
): Promise<void> {
  if (membershipIds.length === 0) return
  const memberships = await tx
    .selectFrom('memberships')
    .select(['id', 'permissions', 'dataScopes', 'effectivePermissions', 'effectiveDataScopes'])
    .where('organizationId', '=', organizationId)
    .where(sql<boolean>`id = any(${membershipIds}::text[])`)
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
  const teamsOf = await readTeamsOfMembers(tx, organizationId, membershipIds)
  const effectiveOf = effectiveGrantsOfMany()
  const changed = new Map<Grants, string[]>()
  for (const { id, effectivePermissions, effectiveDataScopes, ...own } of memberships) {
    const effective = effectiveOf(own, teamsOf.get(id) ?? [])
    if (isSame(effective, { permissions: effectivePermissions, dataScopes: effectiveDataScopes })) continue
    const ids = changed.get(effective)
    if (ids) ids.push(id)
    else changed.set(effective, [id])
  }
  await writeEffective(tx, organizationId, changed)
}

/** Unions are written in one order and spelling, so equal ones are equal text. */
function isSame(one: Grants, other: Grants): boolean {
  return toJson([one.permissions, one.dataScopes]) === toJson([other.permissions, other.dataScopes])
}

/** In one statement, each union once for all who have it. */
async function writeEffective(tx: Queryable, organizationId: string, unions: ReadonlyMap<Grants, string[]>) {
  if (unions.size === 0) return
  const rows = [...unions].map(([{ permissions, dataScopes }, ids]) => ({ ids, permissions, data_scopes: dataScopes }))
  await sql`
    update memberships m set effective_permissions = one.permissions, effective_data_scopes = one.data_scopes
    from json_to_recordset(${toJson(rows)}::json) as one(ids text[], permissions json, data_scopes json), unnest(one.ids) as owner(id)
    where m.id = owner.id and m.organization_id = ${organizationId}`.execute(tx)
}
