import { z } from 'zod'
import {
  type ApiKey,
  type ApiKeyFilter,
  countLiveApiKeys,
  findApiKey,
  listApiKeys,
} from '#authentication/api-keys/api-key-queries.ts'
import type { CreateApiKeyParts } from '#authentication/api-keys/create-api-key.ts'
import { deleteApiKey } from '#authentication/api-keys/delete-api-key.ts'
import { editApiKey } from '#authentication/api-keys/edit-api-key.ts'
import { mostLiveKeys, requireMayEmpower } from '#authentication/api-keys/manage-api-key.ts'
import { reactivateApiKey } from '#authentication/api-keys/reactivate-api-key.ts'
import { revokeApiKey } from '#authentication/api-keys/revoke-api-key.ts'
import { longestOverlapSeconds, rotateApiKey } from '#authentication/api-keys/rotate-api-key.ts'
import { usesByDay } from '#credentials/log/uses-by-day.ts'
import { editOrganization } from '#directory/organizations/edit-organization.ts'
import { findMember, listMembers } from '#directory/organizations/membership-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import { type FormProblems, noErrors } from '#surfaces/page-kit/form-problems.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { freshSignIn } from '#surfaces/page-kit/signed-in-user.ts'
import { expiryChoices, keyFormProblems, readKeyEdit } from './api-key-form.ts'
import type { ApiKeyRequest } from './api-key-request.ts'
import { rowOf } from './api-key-row.ts'
import { postApiKey, postNewApiKey, showCreated, showNewApiKey } from './new-api-key.ts'
import { usesPictures } from './uses-picture.ts'

/** @param refusal of what was asked for from the list, to be said there */
type ShowList = (request: ApiKeyRequest, refusal?: GatehouseError) => Promise<void>

export type ApiKeyPagesParts = CreateApiKeyParts & { pages: SignedInPages }

/** One's own keys. */
export function ownApiKeyPages(parts: ApiKeyPagesParts): Route[] {
  return pagesAt('/account/api-keys', showOwnApiKeys, parts)
}

/** The keys of everybody in the organization, for its administrators. */
export function organizationApiKeyPages(parts: ApiKeyPagesParts): Route[] {
  const at = '/admin/api-keys'
  const { form } = parts.pages.with({ db: parts.db })
  return [
    ...pagesAt(at, showApiKeysOfOrganization, parts),
    ['POST', `${at}/in-urls`, form(postKeysInUrls, { returnTo: at })],
  ]
}

function pagesAt(at: string, showList: ShowList, { pages, ...parts }: ApiKeyPagesParts): Route[] {
  const { page, form } = pages.with({ ...parts, at })
  const creating = { ...freshSignIn, returnTo: `${at}/new` }
  const back = { returnTo: at }
  /** What gives a key more life is as much as making one. */
  const prolonging = { ...freshSignIn, ...back }
  return [
    ['GET', at, page((request) => showList(request))],
    ['GET', `${at}/new`, page(showNewApiKey, freshSignIn)],
    ['POST', `${at}/new`, form(postNewApiKey, creating)],
    ['POST', at, form(postApiKey, creating)],
    ['GET', `${at}/:id/edit`, page(showEdit, freshSignIn)],
    ['POST', `${at}/:id/edit`, form(postEdit, prolonging)],
    ['GET', `${at}/:id/revoke`, page(showRevoke)],
    ['POST', `${at}/:id/revoke`, form(postRevoke, back)],
    ['POST', `${at}/:id/reactivate`, form((request) => postReactivate(request, showList), prolonging)],
    ['GET', `${at}/:id/rotate`, page(showRotate, freshSignIn)],
    ['POST', `${at}/:id/rotate`, form((request) => postRotate(request, showList), prolonging)],
    ['GET', `${at}/:id/delete`, page(showDelete)],
    ['POST', `${at}/:id/delete`, form(postDelete, back)],
  ]
}

/** A row with its picture is some two and a half kilobytes, and a page stays below sixty. */
const pageSize = 15
const mostMembersListed = 100

/** What a list says of the action that led back to it. */
const doneKinds = ['saved', 'revoked', 'reactivated', 'deleted', 'urls'] as const

const listQuery = z.object({
  cursor: pageQuery.cursor.catch(undefined),
  user: z.string().trim().max(254).catch(''),
  status: z.enum(['active', 'expired', 'revoked']).optional().catch(undefined),
  done: z.enum(doneKinds).optional().catch(undefined),
})

type ListQuery = z.infer<typeof listQuery>

async function showOwnApiKeys(request: ApiKeyRequest, refusal?: GatehouseError): Promise<void> {
  const { db, ctx, actor, signedIn, show } = request
  const owner = { userId: actor.user.id, organizationId: actor.organizationId }
  const list = await readList(request, owner, parse(listQuery, { ...ctx.query }), refusal)
  const live = await countLiveApiKeys(db, owner, new Date())
  const locals = { ...list, organizationName: signedIn.organization.name, live, mostLive: mostLiveKeys }
  await show('api-keys', locals, refusal && statusOfCode[refusal.code])
}

/** Everybody's keys, or those of the member whose name the filter says. */
async function showApiKeysOfOrganization(request: ApiKeyRequest, refusal?: GatehouseError): Promise<void> {
  const { db, ctx, actor, signedIn, show } = request
  const { organizationId } = actor
  const query = parse(listQuery, { ...ctx.query })
  const [member, members] = await Promise.all([
    query.user === '' ? undefined : findMember(db, organizationId, query.user),
    listMembers(db, organizationId, mostMembersListed + 1),
  ])
  const isUnknown = query.user !== '' && !member
  const list = isUnknown
    ? { at: request.at, kept: keptFilter(ctx), keys: [] }
    : await readList(request, { organizationId, userId: member?.id, status: query.status }, query, refusal)
  const locals = {
    ...list,
    organizationName: signedIn.organization.name,
    allowsKeysInQuery: signedIn.organization.allowsKeysInQuery,
    filter: { user: member?.email ?? query.user, status: query.status ?? '', isUnknown },
    people: choiceOf(members),
  }
  await show('api-keys', locals, refusal && statusOfCode[refusal.code])
}

/** Beyond what a list is good for, a member is typed instead of chosen. */
function choiceOf<Person>(members: Person[]): Person[] | undefined {
  return members.length > mostMembersListed ? undefined : members
}

async function readList(
  { ctx, db, actor, at }: ApiKeyRequest,
  filter: ApiKeyFilter,
  { cursor, user, status, done }: ListQuery,
  refusal: GatehouseError | undefined,
) {
  const rows = await listApiKeys(db, filter, { limit: pageSize, cursor })
  const page = pageOf(
    rows,
    pageSize,
    (key) => ({ at: key.createdAt, id: key.id }),
    (key) => key,
  )
  const pictures = usesPictures(await usesByDay(db, { credentialIds: page.items.map(({ id }) => id) }))
  const older = new URLSearchParams({ user, status: status ?? '', cursor: page.next_cursor ?? '' })
  return {
    at,
    kept: keptFilter(ctx),
    keys: page.items.map((key) => ({ ...rowOf(actor, key), uses: pictures.get(key.id) })),
    olderUrl: page.next_cursor ? `${at}?${older}` : undefined,
    isFirstPage: cursor === undefined,
    done: done && message(`api-keys.done.${done}`),
    refusal: refusal && sentence(refusal.message),
  }
}

/** The filter of the list that a person came from, which the pages below it carry: `?user=…&status=…`, or nothing. */
function keptFilter(ctx: ApiKeyRequest['ctx']): string {
  const kept = filterOf(ctx)
  return kept.size > 0 ? `?${kept}` : ''
}

function filterOf(ctx: ApiKeyRequest['ctx']): URLSearchParams {
  const { user, status = '' } = parse(listQuery, { ...ctx.query })
  return new URLSearchParams(Object.entries({ user, status }).filter(([, value]) => value !== ''))
}

function listAfter({ ctx, at }: ApiKeyRequest, done: NonNullable<ListQuery['done']>): string {
  const query = filterOf(ctx)
  query.set('done', done)
  return `${at}?${query}`
}

async function showEdit(request: ApiKeyRequest): Promise<void> {
  const key = await requireKey(request)
  requireMayEmpower(request.actor, key.user)
  const { name, description } = key
  await renderEdit(request, key, { name, description, expires: 'keep' }, noErrors)
}

async function postEdit(request: ApiKeyRequest): Promise<void> {
  const { ctx, form, actor } = request
  const key = await requireKey(request)
  const problems = await keyFormProblems(form, async () => {
    await editApiKey(request, actor, key.id, readKeyEdit(form))
    seeOther(ctx, listAfter(request, 'saved'))
  })
  if (problems) await renderEdit(request, key, form, problems)
}

async function renderEdit(request: ApiKeyRequest, key: ApiKey, values: Form, { status, errors }: FormProblems) {
  const { ctx, actor, at, show } = request
  await show(
    'api-keys/edit',
    {
      at,
      kept: keptFilter(ctx),
      key: rowOf(actor, key),
      values,
      errors,
      ...(key.expiresAt > new Date() && { expiry: expiryChoices(key.createdAt) }),
    },
    status,
  )
}

/** Asks once, and says what will break; a key that works no more has nothing to revoke. */
async function showRevoke(request: ApiKeyRequest): Promise<void> {
  const { ctx, at } = request
  const key = await requireKey(request)
  if (key.status !== 'active') return seeOther(ctx, `${at}${keptFilter(ctx)}`)
  await renderQuestion(request, 'revoke', key)
}

async function postRevoke(request: ApiKeyRequest): Promise<void> {
  const { ctx, actor } = request
  await revokeApiKey(request, actor, ctx.params.id ?? '')
  seeOther(ctx, listAfter(request, 'revoked'))
}

async function postReactivate(request: ApiKeyRequest, showList: ShowList): Promise<void> {
  const { ctx, actor } = request
  try {
    await reactivateApiKey(request, actor, ctx.params.id ?? '')
    seeOther(ctx, listAfter(request, 'reactivated'))
  } catch (error) {
    if (!(error instanceof GatehouseError) || !(error.code === 'conflict' || error.code === 'limit_reached'))
      throw error
    await showList(request, error)
  }
}

async function showDelete(request: ApiKeyRequest): Promise<void> {
  await renderQuestion(request, 'delete', await requireKey(request))
}

async function postDelete(request: ApiKeyRequest): Promise<void> {
  const { ctx, actor } = request
  await deleteApiKey(request, actor, ctx.params.id ?? '')
  seeOther(ctx, listAfter(request, 'deleted'))
}

/** What is offered for both keys to work side by side. */
const overlaps = [
  { seconds: 0, label: message('api-keys.rotate.at_once') },
  { seconds: 3_600, label: message('api-keys.rotate.hour') },
  { seconds: 86_400, label: message('api-keys.rotate.day') },
  { seconds: longestOverlapSeconds, label: message('api-keys.rotate.week') },
]

async function showRotate(request: ApiKeyRequest): Promise<void> {
  await renderQuestion(request, 'rotate', await requireKey(request), { overlaps })
}

/** As for a new key, no redirect follows: the answer is the one place where the key is shown. */
async function postRotate(request: ApiKeyRequest, showList: ShowList): Promise<void> {
  const { ctx, actor, form } = request
  const { seconds: overlapSeconds } = overlaps.find(({ seconds }) => String(seconds) === form.overlap) ?? overlaps[0]!
  try {
    await showCreated(request, await rotateApiKey(request, actor, ctx.params.id ?? '', { overlapSeconds }))
  } catch (error) {
    if (!(error instanceof GatehouseError) || !(error.code === 'conflict' || error.code === 'limit_reached'))
      throw error
    await showList(request, error)
  }
}

async function renderQuestion(
  { ctx, db, actor, at, show }: ApiKeyRequest,
  what: 'revoke' | 'rotate' | 'delete',
  key: ApiKey,
  more = {},
) {
  const uses = usesPictures(await usesByDay(db, { credentialIds: [key.id] })).get(key.id)
  const isOwn = key.user.id === actor.user.id
  await show(`api-keys/${what}`, {
    at,
    kept: keptFilter(ctx),
    key: { ...rowOf(actor, key), format: key.format, uses },
    isOwn,
    ...more,
  })
}

async function postKeysInUrls({ ctx, db, form, actor }: SignedInRequest & { db: Queryable }): Promise<void> {
  const organization = { id: actor.organizationId }
  await editOrganization(db, { actor, organization }, { allowsKeysInQuery: form.allowed === 'yes' })
  seeOther(ctx, '/admin/api-keys?done=urls')
}

/** @throws GatehouseError not_found, also for another person's key */
async function requireKey({ ctx, db, actor }: ApiKeyRequest): Promise<ApiKey> {
  const { user, organizationId, isAdmin } = actor
  const key = await findApiKey(db, { organizationId, userId: isAdmin ? undefined : user.id }, ctx.params.id ?? '')
  if (!key) throw new GatehouseError('not_found', 'There is no such API key.')
  return key
}
