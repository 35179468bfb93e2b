import { foundOwnOrganization } from '#authentication/joining/found-own-organization.ts'
import { brandOf } from '#directory/organizations/organization-brand.ts'
import {
  findOrganizationForUser,
  listActiveOrganizations,
  listOrganizationsOfUser,
} from '#directory/organizations/organization-queries.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import { type FormProblems, fieldErrors, noErrors } from '#surfaces/page-kit/form-problems.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { authorizationRequest } from '#surfaces/page-kit/signed-in-user.ts'

const at = '/account/organizations'
const mostListed = 100

interface Parts {
  db: Queryable
  issuer: string
  /** Whether people found organizations by themselves. */
  signUp: 'open' | 'closed'
}

export function organizationsPages({ pages, ...parts }: Parts & { pages: SignedInPages }): Route[] {
  const { page, form } = pages.with(parts)
  return [
    ['GET', at, page((request) => showOrganizations(request))],
    ['POST', at, form(postOrganization, { returnTo: at })],
    ['POST', `${at}/new`, form(postNewOrganization, { returnTo: at })],
  ]
}

/** Where the person belongs; a superadmin may act in any organization, so those are listed as well. */
async function showOrganizations(
  { db, issuer, signUp, form, signedIn, show }: SignedInRequest & Parts,
  { status, errors }: FormProblems = noErrors,
): Promise<void> {
  const { user, organization: current } = signedIn
  const memberships = await listOrganizationsOfUser(db, user.id)
  const own = new Set(memberships.map(({ id }) => id))
  const others = user.superadmin ? (await listActiveOrganizations(db, mostListed)).filter(({ id }) => !own.has(id)) : []
  const rowOf = (organization: (typeof memberships)[number]) => ({
    slug: organization.slug,
    name: organization.name,
    brand: brandOf(organization),
    detail: own.has(organization.id) ? roleIn(organization) : organization.slug,
    isCurrent: organization.id === current.id,
    loginUrl: `${issuer}/o/${organization.slug}`,
  })
  const locals = {
    at,
    lead: leadOf(memberships.length),
    memberships: memberships.map(rowOf),
    others: others.map(rowOf),
    foundAction: mayFound({ signUp }, user) ? `${at}/new` : undefined,
    entered: form.organization ?? '',
    error: errors.organization,
  }
  await show('organizations', locals, status)
}

/** As at sign-up: where that is open, whose address is proven may found an organization. */
function mayFound({ signUp }: Pick<Parts, 'signUp'>, { superadmin, emailVerifiedAt }: User): boolean {
  return superadmin || (signUp === 'open' && emailVerifiedAt !== null)
}

async function postNewOrganization(request: SignedInRequest & Parts): Promise<void> {
  const { ctx, db, issuer, form, signedIn } = request
  if (!mayFound(request, signedIn.user)) throw new GatehouseError('not_found', 'There is nothing at this address.')
  const problems = await fieldErrors(async () => {
    const founded = await inTransaction(db, (tx) =>
      foundOwnOrganization(tx, { name: form.organization ?? '', founder: signedIn.user }),
    )
    seeOther(ctx, authorizationRequest(issuer, '/admin', { organization: founded.slug }))
  })
  if (problems) await showOrganizations(request, problems)
}

function leadOf(count: number): Message {
  return count === 0 ? message('account.organizations.none') : message('account.organizations.lead', { count })
}

/** `acme · administrator · 2 teams` */
function roleIn({ slug, admin, teamCount: count }: { slug: string; admin: boolean; teamCount: number }): Message {
  const role = message(admin ? 'account.organizations.administrator' : 'account.organizations.member', { count })
  return message('account.organizations.detail', { slug, role })
}

/** Switching is an authorization request like any other, so the sign-in policy of the organization applies to it. */
async function postOrganization({ ctx, db, issuer, form, signedIn }: SignedInRequest & Parts): Promise<void> {
  const organization = await findOrganizationForUser(db, signedIn.user, form.organization ?? '')
  if (!organization) throw new GatehouseError('not_found', 'You do not belong to that organization.')
  seeOther(ctx, authorizationRequest(issuer, '/account/profile', { organization: organization.slug }))
}
