import type { KoaContextWithOIDC } from 'oidc-provider'
import {
  findOrganizationForUser,
  listActiveOrganizations,
  listOrganizationsOfUser,
  type OrganizationOption,
} from '#directory/organizations/organization-queries.ts'
import { findActiveUser } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { RequestState } from '#foundation/http/request-state.ts'

/** In which organization one authorization request acts. */
export type OrganizationChoice =
  | { outcome: 'chosen'; organization: Organization }
  | { outcome: 'ambiguous'; organizations: OrganizationOption[] }
  | { outcome: 'none' }
  /** `organization=` names one that does not exist, or to which the person does not belong: which, is not said. */
  | { outcome: 'refused' }

const choices = new RequestState<Promise<OrganizationChoice>>()
const superadminChoices = 50

/** Decided once for a request: the grant, the prompts and the claims must agree. */
export function organizationChoice(ctx: KoaContextWithOIDC, db: () => Queryable): Promise<OrganizationChoice> {
  let choice = choices.get(ctx)
  if (!choice) {
    const picked = ctx.oidc.result?.select_organization as { organizationId: string } | undefined
    choice = chooseOrganization(db(), {
      userId: ctx.oidc.session?.accountId ?? '',
      requested: ctx.oidc.params?.organization as string | undefined,
      picked: picked?.organizationId,
    })
    choices.set(ctx, choice)
  }
  return choice
}

/**
 * @param requested the `organization` parameter: slug or id
 * @param picked id of the organization that the person picked; membership is checked again
 */
export async function chooseOrganization(
  db: Queryable,
  { userId, requested, picked }: { userId: string; requested: string | undefined; picked: string | undefined },
): Promise<OrganizationChoice> {
  const user = await findActiveUser(db, userId)
  if (!user) return { outcome: 'none' }
  if (requested !== undefined) {
    const organization = await findOrganizationForUser(db, user, requested)
    return organization ? { outcome: 'chosen', organization } : { outcome: 'refused' }
  }
  if (picked !== undefined) {
    const organization = await findOrganizationForUser(db, user, picked)
    if (organization) return { outcome: 'chosen', organization }
  }
  let organizations = await listOrganizationsOfUser(db, user.id)
  if (organizations.length === 0 && user.superadmin) {
    organizations = await listActiveOrganizations(db, superadminChoices)
  }
  const [first, ...others] = organizations
  if (!first) return { outcome: 'none' }
  if (others.length === 0) return { outcome: 'chosen', organization: first }
  return { outcome: 'ambiguous', organizations }
}
