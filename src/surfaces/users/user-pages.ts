import { z } from 'zod'
import { createUser } from '#authentication/joining/create-user.ts'
import { mailPasswordReset } from '#authentication/joining/reset-password.ts'
import { editUser } from '#directory/organizations/edit-user.ts'
import { listOrganizationsOfUser } from '#directory/organizations/organization-queries.ts'
import { listUsersNewestFirst, requireUser } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { displayName } from '#foundation/values/names.ts'
import { type FormProblems, formProblems, noErrors, refusedAt } from '#surfaces/page-kit/form-problems.ts'
import { optionalField } from '#surfaces/page-kit/optional-field.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'

interface Parts {
  db: Queryable
  outbox: MailOutbox
}

type UserRequest = SignedInRequest & Parts

const at = '/deployment/people'
const pageSize = 25

/** Everybody who has an account, for superadmins: find them, add one, let them in again, switch them off. */
export function userPages({ pages, ...parts }: Parts & { pages: SignedInPages }): Route[] {
  const { page, form } = pages.with(parts)
  const back = { returnTo: at }
  return [
    ['GET', at, page(showUsers)],
    ['GET', `${at}/new`, page((request) => renderNew(request, { email: '', name: '' }))],
    ['POST', at, form(postUser, { returnTo: `${at}/new` })],
    ['GET', `${at}/:user`, page(async (request) => renderUser(request, await asked(request)))],
    ['GET', `${at}/:user/deactivate`, page(showDeactivate)],
    ['POST', `${at}/:user`, form(postEdit, back)],
    ['POST', `${at}/:user/password-reset`, form(postPasswordReset, back)],
  ]
}

const listQuery = z.object({
  q: optionalField(z.string().max(254)),
  who: z.enum(['superadmins', 'deactivated']).optional().catch(undefined),
  cursor: pageQuery.cursor.catch(undefined),
})

async function showUsers({ db, ctx, show }: UserRequest): Promise<void> {
  const { q, who, cursor } = parse(listQuery, { ...ctx.query })
  const filter = {
    q,
    ...(who === 'superadmins' && { superadmin: true }),
    ...(who === 'deactivated' && { active: false }),
  }
  const rows = await listUsersNewestFirst(db, filter, { limit: pageSize, cursor })
  const { items, next_cursor } = pageOf(rows, pageSize, ({ at, id }) => ({ at, id }), stateOf)
  const kept = new URLSearchParams({ ...(q && { q }), ...(who && { who }) })
  await show('users/list', {
    at,
    filter: { q: q ?? '', who: who ?? '' },
    users: items,
    isFiltered: kept.size > 0,
    isFirstPage: cursor === undefined,
    newestUrl: `${at}?${kept}`,
    olderUrl: next_cursor && `${at}?${new URLSearchParams({ ...Object.fromEntries(kept), cursor: next_cursor })}`,
  })
}

/** What a page shows of a person: never the hash of a password. */
function stateOf({ id, email, name, superadmin, deactivatedAt, createdAt, emailVerifiedAt, passwordHash }: User) {
  return {
    id,
    email,
    name,
    superadmin,
    createdAt,
    active: deactivatedAt === null,
    emailVerified: emailVerifiedAt !== null,
    hasPassword: passwordHash !== null,
  }
}

const newFields = z.object({ email: emailAddress, name: displayName })

async function postUser(request: UserRequest): Promise<void> {
  const { db, outbox, ctx, form, actor } = request
  const fields = { email: form.email ?? '', name: form.name ?? '' }
  const problems = await formProblems(newFields, fields, async (input) => {
    const { id } = await createUser({ db, outbox }, actor, { ...input, password: undefined, superadmin: false })
    seeOther(ctx, `${at}/${id}?done=created`)
  }).catch(refusedAt('email'))
  if (problems) await renderNew(request, fields, problems)
}

function renderNew(
  { show }: UserRequest,
  fields: z.input<typeof newFields>,
  { status, errors }: FormProblems = noErrors,
): Promise<void> {
  return show('users/new', { at, fields, errors }, status)
}

/** By id alone: an address in a path would end up in histories. @throws GatehouseError not_found */
async function asked({ db, ctx }: UserRequest): Promise<User> {
  const user = await requireUser(db, ctx.params.user)
  if (user.id !== ctx.params.user) throw new GatehouseError('not_found', 'There is no such user.')
  return user
}

const doneKinds = ['created', 'saved', 'deactivated', 'activated', 'mailed'] as const

async function renderUser(request: UserRequest, user: User, refusal?: GatehouseError): Promise<void> {
  const { db, ctx, signedIn, show } = request
  const organizations = await listOrganizationsOfUser(db, user.id)
  await show(
    'users/user',
    {
      at,
      user: stateOf(user),
      isOneself: user.id === signedIn.user.id,
      organizations: organizations.map(({ slug, name, admin }) => ({ slug, name, admin })),
      done: doneKinds.find((kind) => kind === ctx.query.done),
      refusal: refusal && sentence(refusal.message),
    },
    refusal && statusOfCode[refusal.code],
  )
}

const edits = {
  activate: { edit: { active: true }, done: 'activated' },
  deactivate: { edit: { active: false }, done: 'deactivated' },
  promote: { edit: { superadmin: true }, done: 'saved' },
  demote: { edit: { superadmin: false }, done: 'saved' },
} as const

async function postEdit(request: UserRequest): Promise<void> {
  const { db, ctx, form, actor } = request
  const user = await asked(request)
  const change = edits[form.change as keyof typeof edits]
  if (!Object.hasOwn(edits, form.change ?? '') || !change)
    throw new GatehouseError('invalid_request', 'change is missing')
  await told(request, user, async () => {
    await editUser(db, actor, user.id, change.edit)
    seeOther(ctx, `${at}/${user.id}?done=${change.done}`)
  })
}

async function postPasswordReset(request: UserRequest): Promise<void> {
  const { db, outbox, ctx, actor } = request
  const user = await asked(request)
  await told(request, user, async () => {
    await mailPasswordReset({ db, outbox }, actor, user.id)
    seeOther(ctx, `${at}/${user.id}?done=mailed`)
  })
}

/** The last superadmin, the last admin of an organization, a mailbox that has had its share: said on the person's page. */
async function told(request: UserRequest, user: User, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof GatehouseError) || !['conflict', 'too_many_requests'].includes(error.code)) throw error
    await renderUser(request, user, error)
  }
}

async function showDeactivate(request: UserRequest): Promise<void> {
  const user = await asked(request)
  const organizations = await listOrganizationsOfUser(request.db, user.id)
  await request.show('users/deactivate', {
    at,
    user: stateOf(user),
    what: message('users.deactivate.what', { count: organizations.length }),
    organizations: organizations.map(({ name }) => name),
  })
}
