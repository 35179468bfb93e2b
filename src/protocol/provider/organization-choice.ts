import type { KoaContextWithOIDC } from 'oidc-provider'
import {
  findOrganizationForUser,
  listActiveOrganizations,
  listOrganizationsOfUser,
  type OrganizationOption,
} from '#directory/organizations/organization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization, User } from '#foundation/database/schema.ts'
import { RequestState } from '#foundation/http/request-state.ts'
import { activeUserOf } from '#protocol/request/active-user.ts'

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
  const choice = choices.get(ctx) ?? choiceOfRequest(ctx, db)
  choices.set(ctx, choice)
  return choice
}

async function choiceOfRequest(ctx: KoaContextWithOIDC, db: () => Queryable): Promise<OrganizationChoice> {
  const { session, result, params } = ctx.oidc
  const picked = result?.select_organization as { organizationId: string } | undefined
  return chooseOrganization(db(), {
    user: await activeUserOf(ctx, db, session?.accountId ?? ''),
    requested: params?.organization as string | undefined,
    picked: picked?.organizationId,
  })
}

/**
 * @param user undefined: the person is not active any more
 * @param requested the `organization` parameter: slug or id
 * @param picked id of the organization that the person picked; membership is checked again
 */
export async function chooseOrganization(
  db: Queryable,
  { user, requested, picked }: { user: User | undefined; requested: string | undefined; picked: string | undefined },
): Promise<OrganizationChoice> {
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
