import { z } from 'zod'
import { type AccountRequest, seeOther } from '../account/account-request.ts'
import { freshSignIn, type SignInDemand } from '../account/signed-in-user.ts'
import type { AdminRequest } from '../admin/admin-pages.ts'
import { usesByDay } from '../authentication-log/uses-by-day.ts'
import { GatehouseError } from '../errors.ts'
import { type FormProblems, noErrors } from '../http/form-problems.ts'
import { pageOf, pageQuery } from '../http/list.ts'
import { parse } from '../http/parse.ts'
import { statusOfCode } from '../http/problem-details.ts'
import type { Form } from '../http/read-form.ts'
import { dayOf } from '../http/time-ago.ts'
import type { Actor } from '../organizations/actor.ts'
import { allowKeysInQuery } from '../organizations/allow-keys-in-query.ts'
import { findMember, listMembers } from '../organizations/membership-queries.ts'
import { keyFormProblems, readKeyEdit } from './api-key-form.ts'
import { expiryOf, latestExpiry, offeredDays } from './api-key-input.ts'
import { type ApiKey, type ApiKeyFilter, countLiveApiKeys, findApiKey, listApiKeys } from './api-key-queries.ts'
import { rowOf } from './api-key-row.ts'
import { deleteApiKey } from './delete-api-key.ts'
import { editApiKey } from './edit-api-key.ts'
import { mostLiveKeys, requireMayEmpower } from './manage-api-key.ts'
import { postApiKey, postNewApiKey, showNewApiKey } from './new-api-key-pages.ts'
import { reactivateApiKey } from './reactivate-api-key.ts'
import { revokeApiKey } from './revoke-api-key.ts'
import { usesPictures } from './uses-picture.ts'

/** A request for a page about keys: one's own under `/account`, those of the organization under `/admin`. */
export interface ApiKeyRequest extends AccountRequest {
  actor: Actor
  /** Of the list, which the other pages are below. */
  at: string
}

type Handler<Request> = (request: Request) => Promise<void>

/** How a family of pages adds one to its table. */
interface RouteTable<Request> {
  page(path: string, handler: Handler<Request>, demand?: SignInDemand): void
  form(path: string, handler: Handler<Request>, demand: SignInDemand & { returnTo: string }): void
}

/** One's own keys. Here nobody is an administrator: what they may do to keys of others, and to locked ones, is in `/admin`. */
export function ownApiKeyPages(table: RouteTable<AccountRequest>): void {
  const at = '/account/api-keys'
  addPages(table, at, showOwnApiKeys, (request) => {
    const { user, organization } = request.signedIn
    return { ...request, at, actor: { user, organizationId: organization.id, isAdmin: false } }
  })
}

/** The keys of everybody in the organization, for its administrators. */
export function organizationApiKeyPages(table: RouteTable<AdminRequest>): void {
  const at = '/admin/api-keys'
  addPages(table, at, showApiKeysOfOrganization, (request) => ({ ...request, at }))
  table.form(`${at}/in-urls`, postKeysInUrls, { returnTo: at })
}

function addPages<Request extends AccountRequest>(
  { page, form }: RouteTable<Request>,
  at: string,
  showList: Handler<ApiKeyRequest>,
  toKeyRequest: (request: Request) => ApiKeyRequest,
): void {
  const on = (handler: Handler<ApiKeyRequest>) => (request: Request) => handler(toKeyRequest(request))
  const creating = { ...freshSignIn, returnTo: `${at}/new` }
  page(at, on(showList))
  page(`${at}/new`, on(showNewApiKey), freshSignIn)
  form(`${at}/new`, on(postNewApiKey), creating)
  form(at, on(postApiKey), creating)
  page(`${at}/:id/edit`, on(showEdit))
  form(`${at}/:id/edit`, on(postEdit), { returnTo: at })
  page(`${at}/:id/revoke`, on(showRevoke))
  form(`${at}/:id/revoke`, on(postRevoke), { returnTo: at })
  form(`${at}/:id/reactivate`, on((request) => postReactivate(request, showList)), { returnTo: at })
  page(`${at}/:id/delete`, on(showDelete))
  form(`${at}/:id/delete`, on(postDelete), { returnTo: at })
}
