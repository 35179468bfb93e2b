import { countsOfPerson, dataOfPerson } from '#authentication/overview/person-data.ts'
import { deleteOwnAccount } from '#directory/organizations/delete-account.ts'
import { leaveOrganization } from '#directory/organizations/manage-member.ts'
import { findOrganizationForUser } from '#directory/organizations/organization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { freshSignIn } from '#surfaces/page-kit/signed-in-user.ts'

type EndRequest = SignedInRequest & { db: Queryable }

const organizationsAt = '/account/organizations'
const deleteAt = '/account/delete'

/** How a person goes: out of an organization, or altogether, with what is stored of them in hand. */
export function accountEndPages({ pages, db }: { pages: SignedInPages; db: Queryable }): Route[] {
  const { page, form } = pages.with({ db })
  return [
    ['GET', `${organizationsAt}/:org/leave`, page((request) => renderLeave(request))],
    ['POST', `${organizationsAt}/:org/leave`, form(postLeave, { returnTo: organizationsAt })],
    ['GET', '/account/data.json', page(downloadData, freshSignIn)],
    ['GET', deleteAt, page((request) => renderDelete(request), freshSignIn)],
    ['POST', deleteAt, form(postDelete, { ...freshSignIn, returnTo: deleteAt })],
  ]
}

/** @throws GatehouseError not_found */
async function askedOrganization({ db, ctx, signedIn }: EndRequest): Promise<Organization> {
  const organization = await findOrganizationForUser(db, signedIn.user, ctx.params.org)
  if (!organization) throw new GatehouseError('not_found', 'You do not belong to that organization.')
  return organization
}

async function renderLeave(request: EndRequest, refusal?: GatehouseError): Promise<void> {
  const { name, slug } = await askedOrganization(request)
  const locals = { at: organizationsAt, name, slug, refusal: refusal && sentence(refusal.message) }
  await request.show('leave', locals, refusal && statusOfCode[refusal.code])
}

async function postLeave(request: EndRequest): Promise<void> {
  const { db, ctx, signedIn } = request
  const organization = await askedOrganization(request)
  try {
    await leaveOrganization(db, { user: signedIn.user, organization })
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.code !== 'conflict') throw error
    return renderLeave(request, error)
  }
  seeOther(ctx, organizationsAt)
}

async function downloadData({ db, ctx, signedIn }: EndRequest): Promise<void> {
  ctx.set('Content-Disposition', 'attachment; filename="gatehouse-account.json"')
  ctx.type = 'application/json'
  ctx.body = JSON.stringify(await dataOfPerson(db, signedIn.user.id), null, 2)
}

async function renderDelete(
  { db, signedIn, show }: EndRequest,
  { error, refusal }: { error?: ReturnType<typeof message>; refusal?: GatehouseError } = {},
): Promise<void> {
  const counts = await countsOfPerson(db, signedIn.user.id)
  const goes = [
    message('account.delete.organizations', { count: counts.organizations }),
    message('account.delete.api_keys', { count: counts.apiKeys }),
    message('account.delete.sessions', { count: counts.sessions }),
    message('account.delete.identities', { count: counts.identities }),
  ]
  const locals = {
    at: '/account/security',
    email: signedIn.user.email,
    goes,
    error,
    refusal: refusal && sentence(refusal.message),
  }
  await show('delete', locals, refusal ? statusOfCode[refusal.code] : error && 422)
}

/** The address is typed again: a click alone deletes nothing. */
async function postDelete(request: EndRequest): Promise<void> {
  const { db, ctx, form, signedIn } = request
  if ((form.email ?? '').trim().toLowerCase() !== signedIn.user.email.toLowerCase()) {
    return renderDelete(request, { error: message('account.delete.other_address') })
  }
  try {
    await deleteOwnAccount(db, signedIn)
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.code !== 'conflict') throw error
    return renderDelete(request, { refusal: error })
  }
  seeOther(ctx, '/account/signed-out')
}
