import { sql } from 'kysely'
import { type Queryable, toJson } from '#foundation/database/database.ts'
import { canonicalGrants, type Grants } from './grants.ts'

/**
 * Writes the direct grants of memberships, replacing what they were, in one statement. The caller then runs
 * `rewriteEffectiveAuthorization` for them in the same transaction.
 */
export async function setDirectGrants(
  tx: Queryable,
  organizationId: string,
  grants: readonly (Grants & { membershipId: string })[],
): Promise<void> {
  if (grants.length === 0) return
  const rows = grants.map(({ membershipId, ...granted }) => {
    const { permissions, dataScopes } = canonicalGrants(granted)
    return { id: membershipId, permissions, data_scopes: dataScopes }
  })
  await lockMemberships(
    tx,
    organizationId,
    rows.map((row) => row.id),
  )
  await sql`
    update memberships m set permissions = g.permissions, data_scopes = g.data_scopes
    from jsonb_to_recordset(${toJson(rows)}::jsonb) as g(id text, permissions jsonb, data_scopes jsonb)
    where m.id = g.id and m.organization_id = ${organizationId}`.execute(tx)
}

/**
 * Takes the rows in one order, so that two transactions about the same people wait instead of deadlocking. Weaker than
 * FOR UPDATE: a row of `team_members` may be written meanwhile, its foreign key needs the membership only to exist.
 */
export async function lockMemberships(
  tx: Queryable,
  organizationId: string,
  membershipIds: readonly string[],
): Promise<void> {
  if (membershipIds.length === 0) return
  await sql`
    select count(*) from (
      select id from memberships where organization_id = ${organizationId} and id = any(${membershipIds}::text[])
      order by id for no key update
    ) as held`.execute(tx)
}
