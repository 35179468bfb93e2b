import { z } from 'zod'
import { rewriteEffectiveAuthorization } from '#directory/access/effective-authorization.ts'
import { setDirectGrants } from '#directory/access/save-grants.ts'
import { foundOrganization } from '#directory/organizations/found-organization.ts'
import { listOrganizationsOfUser } from '#directory/organizations/organization-queries.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { parse } from '#foundation/http/parse.ts'
import { displayName } from '#foundation/values/names.ts'

type Founder = Pick<User, 'id' | 'email'>

/**
 * Founds an organization in which its founder may do and see everything: they are its admin, and no other member could
 * grant them anything.
 * @throws GatehouseError validation_failed for `organization`, its name
 */
export async function foundOwnOrganization(
  tx: Queryable,
  { name, founder }: { name: string; founder: Founder },
): Promise<{ id: string; slug: string }> {
  const checked = parse(z.object({ organization: displayName }), { organization: name })
  const { id, slug, membershipId } = await foundOrganization(tx, { name: checked.organization, founder })
  const everything = { permissions: ['*'], dataScopes: [{ source: null, scope_id: null }] }
  await setDirectGrants(tx, id, [{ membershipId, ...everything }])
  await rewriteEffectiveAuthorization(tx, id, [membershipId])
  return { id, slug }
}

/**
 * The same for a person with an account and no organization to act in. Of several forms at once one founds: the others
 * wait for the person's row, and find an organization then.
 * @returns undefined when they have one by now
 * @throws GatehouseError validation_failed for `organization`, its name
 */
export function foundFirstOrganization(
  db: Queryable,
  request: { name: string; founder: Founder },
): Promise<{ id: string; slug: string } | undefined> {
  return inTransaction(db, async (tx) => {
    await tx.selectFrom('users').select('id').where('id', '=', request.founder.id).forUpdate().execute()
    const organizations = await listOrganizationsOfUser(tx, request.founder.id)
    return organizations.length > 0 ? undefined : foundOwnOrganization(tx, request)
  })
}
