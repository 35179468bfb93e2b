import {
  type AuthorizationOrigins,
  authorizationOrigins,
  type GrantSource,
} from '#directory/access/authorization-origins.ts'
import { listDataScopesInUse, readCatalogue } from '#directory/access/authorization-queries.ts'
import { describeDataScope, describeOrigin } from '#directory/access/describe-authorization.ts'
import type { Grants } from '#directory/access/grants.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { Text } from '#foundation/messages/message.ts'
import { addField, differenceBetween, dropField, type GrantsEdit, mayField, seenField } from './grants-form.ts'
import { groupPermissions } from './permission-groups.ts'

const mostOffered = 100

/**
 * What `views/grants/fields.ejs` shows: all that may be granted, with what is to be ticked.
 * @param typed what stands in the fields for one more data scope
 * @param others what somebody has from elsewhere, said beside it
 */
export async function grantFields(
  { db, organizationId }: { db: Queryable; organizationId: string },
  { seen, wanted }: GrantsEdit,
  typed: Form,
  others: readonly GrantSource[] = [],
) {
  const [catalogue, inUse] = await Promise.all([
    readCatalogue(db),
    listDataScopesInUse(db, organizationId, mostOffered),
  ])
  const box = (name: string) => ({
    field: mayField(name),
    isTicked: wanted.permissions.includes(name),
    from: originsOf(name, others),
  })
  const kept = new Set(wanted.dataScopes.map(addField))
  const { added } = differenceBetween(seen, wanted)
  return {
    seen: seenField(seen),
    all: box('*'),
    groups: groupPermissions(catalogue, [...seen.permissions, ...wanted.permissions]).map(
      ({ resource, permissions }) => {
        const rows = permissions.map((permission) => ({ ...permission, ...box(permission.name) }))
        const ticked = rows.filter((row) => row.isTicked).length
        return { resource, wildcard: box(`${resource}:*`), permissions: rows, ticked }
      },
    ),
    scopes: seen.dataScopes.map((scope) => ({
      field: dropField(scope),
      title: describeDataScope(scope),
      isDropped: !kept.has(addField(scope)),
    })),
    added: added.dataScopes.map((scope) => ({ field: addField(scope), title: describeDataScope(scope) })),
    seesEverything: wanted.dataScopes.some(({ source }) => source === null),
    everything: addField({ source: null, scope_id: null }),
    otherScopes: scopesOf(others).map(({ from, ...scope }) => ({
      title: describeDataScope(scope),
      from: from.map(describeOrigin),
    })),
    typed: { source: typed.source ?? '', scope_id: typed.scope_id ?? '' },
    sources: [...new Set(inUse.map(({ source }) => source))],
    scopeIds: [...new Set(inUse.map(({ scope_id }) => scope_id).filter((id) => id !== null))],
  }
}

function originsOf(permission: string, sources: readonly GrantSource[]): { kind: string; label: Text }[] {
  const [held] = authorizationOrigins({ permissions: [permission], dataScopes: [] }, sources).permissions
  return (held?.from ?? []).map(describeOrigin)
}

function scopesOf(sources: readonly GrantSource[]): AuthorizationOrigins['dataScopes'] {
  const dataScopes = unique(sources.flatMap((source) => source.dataScopes))
  return authorizationOrigins({ permissions: [], dataScopes }, sources).dataScopes
}

function unique(scopes: Grants['dataScopes']): Grants['dataScopes'] {
  return [...new Map(scopes.map((scope) => [addField(scope), scope])).values()]
}
