import {
  type AuthorizationOrigins,
  authorizationOrigins,
  listGrantSources,
} from '#directory/access/authorization-origins.ts'
import { listDataScopesInUse, readCatalogue } from '#directory/access/authorization-queries.ts'
import { describeDataScope, describeOrigin } from '#directory/access/describe-authorization.ts'
import type { Grants } from '#directory/access/grants.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import type { SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { type FindHolder, type GrantHolder, grantsPath } from './grant-holder.ts'
import { changeInWords } from './grant-words.ts'
import { addField, differenceBetween, dropField, type GrantsEdit, mayField, seenField } from './grants-form.ts'
import { groupPermissions } from './permission-groups.ts'

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
const mostOffered = 100

const doneWords = { saved: message('grants.saved'), unchanged: message('grants.unchanged') }

/** @param typed what stands in the fields for one more data scope */
export async function renderGrantsForm(
  request: HolderRequest,
  holder: GrantHolder,
  { seen, wanted }: GrantsEdit,
  typed: Form,
  { status, errors, meanwhile }: Told,
): Promise<void> {
  const { ctx, db, actor, show } = request
  const [catalogue, inUse, others] = await Promise.all([
    readCatalogue(db),
    listDataScopesInUse(db, actor.organizationId, mostOffered),
    otherOrigins(request, holder),
  ])
  const words = changeInWords(catalogue)
  const change = differenceBetween(seen, wanted)
  const isTicked = (permission: string) => wanted.permissions.includes(permission)
  const kept = new Set(wanted.dataScopes.map(addField))
  const done = ctx.query.done === 'saved' || ctx.query.done === 'unchanged' ? ctx.query.done : undefined
  await show(
    'grants/edit',
    {
      at: grantsPath,
      holder,
      done: done && doneWords[done],
      errors,
      meanwhile: meanwhile && { theirs: words(meanwhile), yours: words(change) },
      seen: seenField(seen),
      all: { field: mayField('*'), isTicked: isTicked('*'), from: others.permission('*') },
      groups: groupPermissions(catalogue, [...seen.permissions, ...wanted.permissions]).map(
        ({ resource, permissions }) => {
          const wildcard = `${resource}:*`
          const rows = permissions.map((permission) => ({
            ...permission,
            field: mayField(permission.name),
            isTicked: isTicked(permission.name),
            from: others.permission(permission.name),
          }))
          return {
            resource,
            wildcard: { field: mayField(wildcard), isTicked: isTicked(wildcard), from: others.permission(wildcard) },
            permissions: rows,
            ticked: rows.filter((row) => row.isTicked).length,
          }
        },
      ),
      scopes: seen.dataScopes.map((scope) => ({
        field: dropField(scope),
        title: describeDataScope(scope),
        isDropped: !kept.has(addField(scope)),
      })),
      added: change.added.dataScopes.map((scope) => ({ field: addField(scope), title: describeDataScope(scope) })),
      seesEverything: wanted.dataScopes.some(({ source }) => source === null),
      everything: addField({ source: null, scope_id: null }),
      otherScopes: others.scopes.map(({ from, ...scope }) => ({
        title: describeDataScope(scope),
        from: from.map(describeOrigin),
      })),
      typed: { source: typed.source ?? '', scope_id: typed.scope_id ?? '' },
      sources: [...new Set(inUse.map(({ source }) => source))],
      scopeIds: [...new Set(inUse.map(({ scope_id }) => scope_id).filter((id) => id !== null))],
    },
    status,
  )
}

interface OtherOrigins {
  /** The places besides the member themselves from where they have a permission. */
  permission(name: string): { kind: string; label: Text }[]
  scopes: AuthorizationOrigins['dataScopes']
}

/** Of a member: what their teams, or being superadmin, give them as well. */
async function otherOrigins({ db, actor }: HolderRequest, { kind, id }: GrantHolder): Promise<OtherOrigins> {
  if (kind !== 'member') return { permission: () => [], scopes: [] }
  const all = await listGrantSources(db, { userId: id, organizationId: actor.organizationId })
  const sources = all.filter(({ origin }) => origin !== 'direct')
  const scopes = sources.flatMap(({ dataScopes }) => dataScopes)
  const originsOf = (permissions: string[]) =>
    authorizationOrigins({ permissions, dataScopes: [] }, sources).permissions
  return {
    permission: (name) => (originsOf([name])[0]?.from ?? []).map(describeOrigin),
    scopes: authorizationOrigins({ permissions: [], dataScopes: unique(scopes) }, sources).dataScopes,
  }
}

function unique(scopes: Grants['dataScopes']): Grants['dataScopes'] {
  return [...new Map(scopes.map((scope) => [addField(scope), scope])).values()]
}
