import { z } from 'zod'
import { clientShape } from '#directory/clients/client.ts'
import { type ClientEdit, editClient } from '#directory/clients/edit-client.ts'
import type { ManagedClient } from '#directory/clients/managed-client-queries.ts'
import { parse } from '#foundation/http/parse.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { displayName } from '#foundation/values/names.ts'
import { type FormProblems, fieldErrors, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { type ApplicationKind, grantTypesOf, kindOf, listOf } from './client-kind.ts'
import { type ClientRequest, factsOf, managementOf, placeOf, requireClient } from './client-request.ts'

/** Which fields a form of an application has, beside its name and description. */
export interface ApplicationFields {
  /** People sign in to it: addresses, consent. */
  signsIn: boolean
  /** Its redirects may have a scheme of its own. */
  maybeNative: boolean
  /** It is an API with an identifier. */
  isApi: boolean
}

export function fieldsOfKind(kind: ApplicationKind): ApplicationFields {
  return { signsIn: kind !== 'api', maybeNative: kind === 'public', isApi: kind === 'api' }
}

/** An API that people sign in to as well, which a setup file may describe, has the fields of both. */
function fieldsOf(client: ManagedClient): ApplicationFields {
  const kind = kindOf(client)
  const fields = fieldsOfKind(kind === 'service_account' ? 'web' : kind)
  return { ...fields, signsIn: fields.signsIn || grantTypesOf(client).includes('authorization_code') }
}

const fieldNames = [
  'name',
  'description',
  'client_id',
  'organization',
  'application_type',
  'redirect_uris',
  'post_logout_redirect_uris',
  'first_party',
  'resource',
  'access_token_format',
] as const

/** A form as it was typed, to be shown again. */
export type Typed = Record<(typeof fieldNames)[number], string>

export function typedIn(form: Form): Typed {
  return Object.fromEntries(fieldNames.map((name) => [name, form[name] ?? ''])) as Typed
}

const { description, redirect_uris, post_logout_redirect_uris, application_type } = clientShape
const { resource, access_token_format } = clientShape
const members = z.object({
  name: displayName,
  description,
  redirect_uris,
  post_logout_redirect_uris,
  application_type,
  resource,
  access_token_format,
})

/**
 * The members that a form stands for; null is one that was left empty.
 * @throws GatehouseError validation_failed
 */
export function typedMembers(typed: Typed, { signsIn, maybeNative, isApi }: ApplicationFields) {
  const given = parse(members, {
    name: typed.name,
    description: typed.description.trim() || undefined,
    ...(signsIn && {
      redirect_uris: linesOf(typed.redirect_uris),
      post_logout_redirect_uris: linesOf(typed.post_logout_redirect_uris),
    }),
    ...(maybeNative && { application_type: typed.application_type || 'web' }),
    ...(isApi && {
      resource: typed.resource.trim() || undefined,
      access_token_format: typed.access_token_format || 'opaque',
    }),
  })
  return {
    client_name: given.name,
    description: given.description ?? null,
    ...(signsIn && {
      redirect_uris: orNull(given.redirect_uris),
      post_logout_redirect_uris: orNull(given.post_logout_redirect_uris),
      first_party: typed.first_party === 'yes',
    }),
    ...(maybeNative && { application_type: given.application_type === 'native' ? ('native' as const) : null }),
    ...(isApi && { resource: given.resource ?? null, access_token_format: given.access_token_format ?? null }),
  } satisfies ClientEdit
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

function orNull(list: string[] | undefined): string[] | null {
  return list?.length ? list : null
}

/** Refusals of one address in a list are said at the list, with the address. */
export function atFields({ status, errors }: FormProblems, typed: Typed): FormProblems {
  const said = Object.entries(errors).map(([path, text]): [string, Text] => {
    const [name = '', index] = path.split('.')
    if (index === undefined || (name !== 'redirect_uris' && name !== 'post_logout_redirect_uris')) return [name, text]
    const uri = linesOf(typed[name])[Number(index)] ?? ''
    return [name, message('applications.wrong_uri', { uri })]
  })
  // Of several at one field the first is said.
  return { status, errors: Object.fromEntries(said.reverse()) }
}

/** What a page shows of the metadata. */
export function membersShown({ metadata }: ManagedClient) {
  return {
    redirectUris: listOf(metadata.redirect_uris),
    signedOutUris: listOf(metadata.post_logout_redirect_uris),
    isNative: metadata.application_type === 'native',
  }
}

export async function showEditApplication(request: ClientRequest): Promise<void> {
  const client = await requireClient(request)
  const { redirectUris, signedOutUris, isNative } = membersShown(client)
  await renderEdit(request, client, {
    ...typedIn({}),
    name: client.clientName,
    description: String(client.metadata.description ?? ''),
    application_type: isNative ? 'native' : 'web',
    redirect_uris: redirectUris.join('\n'),
    post_logout_redirect_uris: signedOutUris.join('\n'),
    first_party: client.firstParty ? 'yes' : '',
    resource: client.resource ?? '',
    access_token_format: client.accessTokenFormat,
  })
}

export async function postEditApplication(request: ClientRequest): Promise<void> {
  const { ctx, db, form } = request
  const client = await requireClient(request)
  const typed = typedIn(form)
  const problems = await fieldErrors(async () => {
    const edit = typedMembers(typed, fieldsOf(client))
    await editClient(db, managementOf(request), client.clientId, edit)
    seeOther(ctx, `${factsOf(request, client).path}?done=saved`)
  })
  if (problems) await renderEdit(request, client, typed, atFields(problems, typed))
}

async function renderEdit(
  request: ClientRequest,
  client: ManagedClient,
  values: Typed,
  { status, errors }: FormProblems = noErrors,
): Promise<void> {
  const account = factsOf(request, client)
  const locals = { ...placeOf(request), account, kind: kindOf(client), fields: fieldsOf(client), values, errors }
  await request.show('applications/edit', locals, status)
}
