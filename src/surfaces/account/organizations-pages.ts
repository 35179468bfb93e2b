import { brandOf } from '#directory/organizations/organization-brand.ts'
import {
  findOrganizationForUser,
  listActiveOrganizations,
  listOrganizationsOfUser,
} from '#directory/organizations/organization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { authorizationRequest } from '#surfaces/page-kit/signed-in-user.ts'

const at = '/account/organizations'
const mostListed = 100

interface Parts {
  db: Queryable
  issuer: string
}

export function organizationsPages({ pages, ...parts }: Parts & { pages: SignedInPages }): Route[] {
  const { page, form } = pages.with(parts)
  return [
    ['GET', at, page(showOrganizations)],
    ['POST', at, form(postOrganization, { returnTo: at })],
  ]
}

/** Where the person belongs; a superadmin may act in any organization, so those are listed as well. */
async function showOrganizations({ db, issuer, signedIn, show }: SignedInRequest & Parts): Promise<void> {
  const { user, organization: current } = signedIn
  const memberships = await listOrganizationsOfUser(db, user.id)
  const own = new Set(memberships.map(({ id }) => id))
  const others = user.superadmin ? (await listActiveOrganizations(db, mostListed)).filter(({ id }) => !own.has(id)) : []
  const rowOf = (organization: (typeof memberships)[number]) => ({
    slug: organization.slug,
    name: organization.name,
    brand: brandOf(organization),
    detail: own.has(organization.id) ? `${organization.slug} · ${roleIn(organization)}` : organization.slug,
    isCurrent: organization.id === current.id,
    loginUrl: `${issuer}/o/${organization.slug}`,
  })
  await show('organizations', {
    at,
    lead: leadOf(memberships.length),
    memberships: memberships.map(rowOf),
    others: others.map(rowOf),
  })
}

function leadOf(count: number): string {
  if (count === 0) return 'You belong to none. As a superadmin you may act in all of them.'
  if (count === 1) return 'You belong to one. Another one’s administrator can invite you by your e-mail address.'
  return `You belong to ${count} organizations. These pages show one at a time.`
}

/** `administrator · 2 teams` */
function roleIn({ admin, teamCount }: { admin: boolean; teamCount: number }): string {
  const teams = ['no team', '1 team'][teamCount] ?? `${teamCount} teams`
  return `${admin ? 'administrator' : 'member'} · ${teams}`
}

/** Switching is an authorization request like any other, so the sign-in policy of the organization applies to it. */
async function postOrganization({ ctx, db, issuer, form, signedIn }: SignedInRequest & Parts): Promise<void> {
  const organization = await findOrganizationForUser(db, signedIn.user, form.organization ?? '')
  if (!organization) throw new GatehouseError('not_found', 'You do not belong to that organization.')
  seeOther(ctx, authorizationRequest(issuer, '/account/profile', { organization: organization.slug }))
}
