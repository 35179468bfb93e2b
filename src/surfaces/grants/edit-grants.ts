import { isDeepStrictEqual } from 'node:util'
import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { lossBetween } from '#directory/access/change.ts'
import { type Grants, isInCatalogue } from '#directory/access/grants.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { fieldErrors } from '#surfaces/page-kit/form-problems.ts'
import type { GrantHolder } from './grant-holder.ts'
import { differenceBetween, type GrantsEdit, isNothing, readGrantsEdit, rebased, typedScope } from './grants-form.ts'
import { type HolderRequest, nothingTold, renderGrantsForm } from './show-grants.ts'
import { askToTakeAway } from './take-away.ts'

export async function showGrants(request: HolderRequest): Promise<void> {
  const holder = await findHolder(request)
  await renderGrantsForm(request, holder, { seen: holder.grants, wanted: holder.grants }, {}, nothingTold)
}

/**
 * Saves what the form changes; asks first, once, where it takes something away. A form whose page has become old changes
 * nothing: it is shown again with both changes, somebody else's and its own.
 */
export async function postGrants(request: HolderRequest): Promise<void> {
  const { ctx, db, form } = request
  const holder = await findHolder(request)
  const { scope, errors } = typedScope(form)
  let edit: GrantsEdit = { seen: holder.grants, wanted: holder.grants }
  const problems = await fieldErrors(async () => {
    edit = readGrantsEdit(form, scope)
  })
  if (problems)
    return renderGrantsForm(request, holder, edit, form, { ...problems, errors: byFormField(problems.errors) })
  const { step = 'save' } = form
  if (Object.keys(errors).length > 0) return renderGrantsForm(request, holder, edit, form, { status: 422, errors })
  if (step === 'add' || step === 'change') return renderGrantsForm(request, holder, edit, {}, nothingTold)
  const { removed, added } = differenceBetween(edit.seen, edit.wanted)
  if (isNothing(removed) && isNothing(added)) return seeOther(ctx, `${holder.path}?done=unchanged`)
  if (!isDeepStrictEqual(edit.seen, holder.grants)) return renderOld(request, edit)
  const unknown = unknownOf(added, await readCatalogue(db))
  if (unknown.length > 0) {
    const may = message('grants.unknown_permission', { permission: unknown.join(', ') })
    return renderGrantsForm(request, holder, edit, {}, { status: 422, errors: { may } })
  }
  if (!isNothing(lossBetween(edit.seen, edit.wanted)) && step !== 'take-away') {
    return askToTakeAway(request, holder, { removed, added })
  }
  await save(request, holder, edit)
}

async function save(request: HolderRequest, holder: GrantHolder, edit: GrantsEdit): Promise<void> {
  try {
    const problems = await fieldErrors(async () => {
      await holder.set(edit.wanted, edit.seen)
    })
    if (problems)
      return renderGrantsForm(request, holder, edit, {}, { ...problems, errors: byFormField(problems.errors) })
    seeOther(request.ctx, `${holder.path}?done=saved`)
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.code !== 'precondition_failed') throw error
    await renderOld(request, edit)
  }
}

/** Nothing was saved; the form now says what its change makes of what is granted meanwhile. */
async function renderOld(request: HolderRequest, edit: GrantsEdit): Promise<void> {
  const holder = await findHolder(request)
  const meanwhile = differenceBetween(edit.seen, holder.grants)
  await renderGrantsForm(request, holder, rebased(edit, holder.grants), {}, { status: 412, errors: {}, meanwhile })
}

function findHolder({ find, ctx, ...asking }: HolderRequest): Promise<GrantHolder> {
  return find(asking, ctx.params.name ?? '')
}

function unknownOf({ permissions }: Grants, catalogue: ReadonlyMap<string, string>): string[] {
  const names = new Set(catalogue.keys())
  return permissions.filter((one) => !isInCatalogue(names, one))
}

/** Refusals name places in the API's lists. */
function byFormField(errors: Record<string, Text>): Record<string, Text> {
  return Object.fromEntries(
    Object.entries(errors).map(([path, said]) => [path.startsWith('permissions') ? 'may' : 'sees', said]),
  )
}
