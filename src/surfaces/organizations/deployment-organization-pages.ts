import { z } from 'zod'
import { inviteMember } from '#authentication/joining/invite-member.ts'
import { countsOfOrganization, type OrganizationCounts } from '#authentication/overview/organization-overview.ts'
import { impactOf } from '#directory/access/read-impact.ts'
import { createOrganization } from '#directory/organizations/create-organization.ts'
import { editOrganization } from '#directory/organizations/edit-organization.ts'
import { listAdminNames } from '#directory/organizations/membership-queries.ts'
import { findOrganizationEvenSuspended, listOrganizations } from '#directory/organizations/organization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { displayName, organizationSlug } from '#foundation/values/names.ts'
import { type FormProblems, formProblems, noErrors, refusedAt } from '#surfaces/page-kit/form-problems.ts'
import { optionalField } from '#surfaces/page-kit/optional-field.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'

interface Parts {
  db: Queryable
  outbox: MailOutbox
}

type OrganizationRequest = SignedInRequest & Parts

const at = '/deployment/organizations'
const pageSize = 25
const mostAdmins = 5

/** Every organization, for superadmins: make one, look at it, act in it, suspend it. */
export function deploymentOrganizationPages({ pages, ...parts }: Parts & { pages: SignedInPages }): Route[] {
  const { page, form } = pages.with(parts)
  const back = { returnTo: at }
  return [
    ['GET', at, page(showOrganizations)],
    ['GET', `${at}/new`, page((request) => renderNew(request, { name: '', slug: '' }))],
    ['POST', at, form(postOrganization, { returnTo: `${at}/new` })],
    ['GET', `${at}/:org`, page(async (request) => renderOrganization(request, await asked(request)))],
    ['POST', `${at}/:org/admin`, form(postAdmin, back)],
    ['GET', `${at}/:org/suspend`, page(showSuspend)],
    ['POST', `${at}/:org/suspend`, form((request) => postActive(request, false), back)],
    ['POST', `${at}/:org/activate`, form((request) => postActive(request, true), back)],
  ]
}

const listQuery = z.object({
  q: optionalField(z.string().max(200)),
  status: z.enum(['active', 'suspended']).optional().catch(undefined),
  cursor: pageQuery.cursor.catch(undefined),
})

async function showOrganizations({ db, ctx, show }: OrganizationRequest): Promise<void> {
  const { q, status, cursor } = parse(listQuery, { ...ctx.query })
  const filter = { q, active: status && status === 'active' }
  const rows = await listOrganizations(db, filter, { limit: pageSize, cursor })
  const { items, next_cursor } = pageOf(
    rows,
    pageSize,
    ({ at, id }) => ({ at, id }),
    (row) => row,
  )
  const kept = new URLSearchParams({ ...(q && { q }), ...(status && { status }) })
  await show('organizations/list', {
    at,
    filter: { q: q ?? '', status: status ?? '' },
    organizations: items,
    isFiltered: kept.size > 0,
    isFirstPage: cursor === undefined,
    newestUrl: `${at}?${kept}`,
    olderUrl: next_cursor && `${at}?${new URLSearchParams({ ...Object.fromEntries(kept), cursor: next_cursor })}`,
  })
}

const newFields = z.object({ name: displayName, slug: organizationSlug })

async function postOrganization(request: OrganizationRequest): Promise<void> {
  const { ctx, db, form, actor } = request
  const fields = { name: form.name ?? '', slug: form.slug ?? '' }
  const problems = await formProblems(newFields, fields, async (input) => {
    const { slug } = await createOrganization(db, actor, input)
    seeOther(ctx, `${at}/${slug}`)
  }).catch(refusedAt('slug'))
  if (problems) await renderNew(request, fields, problems)
}

function renderNew(
  { show }: OrganizationRequest,
  fields: z.input<typeof newFields>,
  { status, errors }: FormProblems = noErrors,
): Promise<void> {
  return show('organizations/new', { at, fields, errors }, status)
}

/** @throws GatehouseError not_found */
async function asked({ db, ctx }: OrganizationRequest): Promise<Organization> {
  const organization = await findOrganizationEvenSuspended(db, ctx.params.org)
  if (!organization) throw new GatehouseError('not_found', 'There is no such organization.')
  return organization
}

async function renderOrganization(
  { db, ctx, show }: OrganizationRequest,
  organization: Organization,
  email = '',
  { status, errors }: FormProblems = noErrors,
): Promise<void> {
  const [counts, admins] = await Promise.all([
    countsOfOrganization(db, organization.id),
    listAdminNames(db, organization.id, mostAdmins),
  ])
  await show(
    'organizations/organization',
    { at, organization, counts: countsInWords(counts), admins, email, errors, done: doneOf(ctx.query.done) },
    status,
  )
}

function countsInWords(counts: OrganizationCounts) {
  return [
    { label: message('organizations.count.members'), number: counts.members },
    { label: message('organizations.count.admins'), number: counts.admins },
    { label: message('organizations.count.open_invitations'), number: counts.openInvitations },
    { label: message('organizations.count.teams'), number: counts.teams },
    { label: message('organizations.count.api_keys'), number: counts.apiKeys },
    { label: message('organizations.count.service_accounts'), number: counts.serviceAccounts },
    { label: message('organizations.count.connections'), number: counts.connections },
  ]
}

function doneOf(done: unknown): 'suspended' | 'activated' | 'invited' | undefined {
  return done === 'suspended' || done === 'activated' || done === 'invited' ? done : undefined
}

/** The first administrator of an organization has nobody else to invite them. */
async function postAdmin(request: OrganizationRequest): Promise<void> {
  const { db, outbox, ctx, form, actor } = request
  const organization = await asked(request)
  const email = form.email ?? ''
  const problems = await formProblems(z.object({ email: emailAddress }), form, async (input) => {
    await inviteMember({ db, outbox }, actor, organization, { email: input.email, admin: true, teamIds: [] })
  }).catch(refusedAt('email'))
  if (problems) return renderOrganization(request, organization, email, problems)
  seeOther(ctx, `${at}/${organization.slug}?done=invited`)
}

async function showSuspend(request: OrganizationRequest): Promise<void> {
  const organization = await asked(request)
  const { counts } = await impactOf(request.db, organization.id, { change: 'organization_suspended' })
  const losses = [
    message('organizations.suspend.people', { count: counts.people }),
    message('organizations.suspend.api_keys', { count: counts.apiKeys }),
    message('organizations.suspend.service_accounts', { count: counts.serviceAccounts }),
  ]
  await request.show('organizations/suspend', { at, organization, losses })
}

async function postActive(request: OrganizationRequest, active: boolean): Promise<void> {
  const organization = await asked(request)
  await editOrganization(request.db, { actor: request.actor, organization }, { active })
  seeOther(request.ctx, `${at}/${organization.slug}?done=${active ? 'activated' : 'suspended'}`)
}
