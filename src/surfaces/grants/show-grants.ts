import { type GrantSource, listGrantSources } from '#directory/access/authorization-origins.ts'
import { readCatalogue } from '#directory/access/authorization-queries.ts'
import type { Grants } from '#directory/access/grants.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import type { SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { grantFields } from './grant-fields.ts'
import { type FindHolder, type GrantHolder, grantsPath } from './grant-holder.ts'
import { changeInWords } from './grant-words.ts'
import { differenceBetween, type GrantsEdit } from './grants-form.ts'

export interface HolderRequest extends SignedInRequest {
  db: Queryable
  find: FindHolder
}

/** What is told of a form beside its fields. */
export interface Told {
  status: number
  errors: Record<string, Text>
  /** What changed while the form was open. */
  meanwhile?: { removed: Grants; added: Grants }
}

export const nothingTold: Told = { status: 200, errors: {} }
const doneWords = { saved: message('grants.saved'), unchanged: message('grants.unchanged') }

/** @param typed what stands in the fields for one more data scope */
export async function renderGrantsForm(
  request: HolderRequest,
  holder: GrantHolder,
  edit: GrantsEdit,
  typed: Form,
  { status, errors, meanwhile }: Told,
): Promise<void> {
  const { ctx, db, actor, show } = request
  const [catalogue, others] = await Promise.all([readCatalogue(db), otherSources(request, holder)])
  const words = changeInWords(catalogue)
  const done = ctx.query.done === 'saved' || ctx.query.done === 'unchanged' ? ctx.query.done : undefined
  await show(
    'grants/edit',
    {
      ...(await grantFields({ db, organizationId: actor.organizationId }, edit, typed, others)),
      at: grantsPath,
      holder,
      mayAsk: holder.kind !== 'team',
      done: done && doneWords[done],
      errors,
      meanwhile: meanwhile && { theirs: words(meanwhile), yours: words(differenceBetween(edit.seen, edit.wanted)) },
    },
    status,
  )
}

/** Of a member: what their teams, or being superadmin, give them as well. */
async function otherSources({ db, actor }: HolderRequest, { kind, id }: GrantHolder): Promise<GrantSource[]> {
  if (kind !== 'member') return []
  const all = await listGrantSources(db, { userId: id, organizationId: actor.organizationId })
  return all.filter(({ origin }) => origin !== 'direct')
}
