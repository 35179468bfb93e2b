import { z } from 'zod'
import { createServiceAccount } from '#directory/clients/create-client.ts'
import { editClient } from '#directory/clients/edit-client.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import type { Text } from '#foundation/messages/message.ts'
import { displayName, plainText } from '#foundation/values/names.ts'
import { grantFields } from '#surfaces/grants/grant-fields.ts'
import { type GrantsEdit, readGrantsEdit, seenField, typedScope } from '#surfaces/grants/grants-form.ts'
import { fieldErrors, formProblems, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { type ClientRequest, factsOf, managementOf, pathOfClient, placeOf, requireClient } from './client-request.ts'

const named = z.object({ name: displayName, description: plainText(500) })
const nothing = { permissions: [], dataScopes: [] }

export async function showNewAccount(request: ClientRequest): Promise<void> {
  await renderNew(request, { seen: nothing, wanted: nothing }, {}, noErrors)
}

/** Makes the account and leads on to the one page that shows its secret. */
export async function postNewAccount(request: ClientRequest): Promise<void> {
  const { ctx, db, form, once, actor, signedIn } = request
  const { scope, errors } = typedScope(form)
  let grants: GrantsEdit = { seen: nothing, wanted: nothing }
  const wrongGrants = await fieldErrors(async () => {
    grants = readGrantsEdit({ ...form, seen: seenField(nothing) }, scope)
  })
  const wrong = { ...byField(wrongGrants?.errors ?? {}), ...errors }
  if (form.step === 'add' && Object.keys(wrong).length === 0) {
    return renderNew(request, grants, { name: form.name, description: form.description }, noErrors)
  }
  const problems = await formProblems(
    named,
    { name: form.name ?? '', description: form.description ?? '' },
    async (values) => {
      if (Object.keys(wrong).length > 0) return
      const members = { client_name: values.name, description: values.description || undefined }
      const made = await createServiceAccount(
        db,
        { actor, organization: signedIn.organization },
        {
          members,
          grants: grants.wanted,
          active: true,
        },
      )
      const page = `${pathOfClient(request, made.client.clientId)}/secret`
      once.keep(ctx, signedIn, page, made.secret ?? '')
      seeOther(ctx, page)
    },
  )
  const all = { ...byField(problems?.errors ?? {}), ...wrong }
  if (Object.keys(all).length > 0) await renderNew(request, grants, form, { status: 422, errors: all })
}

async function renderNew(
  request: ClientRequest,
  grants: GrantsEdit,
  values: Form,
  { status, errors }: { status: number; errors: Record<string, Text> },
): Promise<void> {
  const { db, actor, signedIn, show } = request
  const locals = {
    ...(await grantFields({ db, organizationId: actor.organizationId }, grants, values)),
    ...placeOf(request),
    organizationName: signedIn.organization.name,
    values,
    errors,
    mayAsk: false,
  }
  await show('service-accounts/new', locals, status)
}

export async function showEditAccount(request: ClientRequest): Promise<void> {
  const account = factsOf(request, await requireClient(request))
  const values = { name: account.name, description: account.description ?? '' }
  await request.show('service-accounts/edit', { ...placeOf(request), account, values, errors: {} })
}

export async function postEditAccount(request: ClientRequest): Promise<void> {
  const { ctx, db, form, show } = request
  const account = factsOf(request, await requireClient(request))
  const values = { name: form.name ?? '', description: form.description ?? '' }
  const problems = await formProblems(named, values, async ({ name, description }) => {
    const edit = { client_name: name, description: description || null }
    await editClient(db, managementOf(request), account.clientId, edit)
    seeOther(ctx, `${account.path}?done=saved`)
  })
  if (!problems) return
  await show(
    'service-accounts/edit',
    { ...placeOf(request), account, values, errors: problems.errors },
    problems.status,
  )
}

/** Refusals name places in the API's lists. */
function byField(errors: Record<string, Text>): Record<string, Text> {
  const fields: Record<string, string> = { permissions: 'may', data_scopes: 'sees' }
  return Object.fromEntries(
    Object.entries(errors).map(([path, said]) => [fields[path.split('.')[0] ?? ''] ?? path, said]),
  )
}
