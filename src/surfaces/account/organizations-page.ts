import { brandOf } from '#directory/organizations/organization-brand.ts'
import {
  findOrganizationForUser,
  listActiveOrganizations,
  listOrganizationsOfUser,
} from '#directory/organizations/organization-queries.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { authorizationRequest } from '#surfaces/page-kit/signed-in-user.ts'
import type { AccountRequest } from './account-request.ts'

const mostListed = 100

/** Where the person belongs; a superadmin may act in any organization, so those are listed as well. */
export async function showOrganizations({ db, issuer, signedIn, show }: AccountRequest): Promise<void> {
  const { user, organization: current } = signedIn
  const memberships = await listOrganizationsOfUser(db, user.id)
  const own = new Set(memberships.map(({ id }) => id))
  const others = user.superadmin ? (await listActiveOrganizations(db, mostListed)).filter(({ id }) => !own.has(id)) : []
  const rowOf = (organization: (typeof memberships)[number]) => ({
    slug: organization.slug,
    name: organization.name,
    brand: brandOf(organization),
    admin: organization.admin,
    teamCount: organization.teamCount,
    isCurrent: organization.id === current.id,
    loginUrl: `${issuer}/o/${organization.slug}`,
  })
  await show('organizations', {
    at: '/account/organizations',
    memberships: memberships.map(rowOf),
    others: others.map(rowOf),
  })
}

/** Switching is an authorization request like any other, so the sign-in policy of the organization applies to it. */
export async function postOrganization({ ctx, db, issuer, form, signedIn }: AccountRequest): Promise<void> {
  const organization = await findOrganizationForUser(db, signedIn.user, form.organization ?? '')
  if (!organization) throw new GatehouseError('not_found', 'You do not belong to that organization.')
  seeOther(ctx, authorizationRequest(issuer, '/account/profile', { organization: organization.slug }))
}
