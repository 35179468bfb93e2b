import { z } from 'zod'
import { listManagedClients } from '#directory/clients/managed-client-queries.ts'
import { findOrganizationEvenSuspended } from '#directory/organizations/organization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { message } from '#foundation/messages/message.ts'
import { kindOf } from './client-kind.ts'
import { type ClientRequest, factsOf, placeOf } from './client-request.ts'
import { adding } from './new-application-pages.ts'

const pageSize = 25

const filters = {
  q: z.string().trim().max(200).catch(''),
  kind: z.enum(['application', 'api', '']).catch(''),
  state: z.enum(['active', 'off', '']).catch(''),
  organization: z.string().max(100).catch(''),
}
const listQuery = z.object({
  ...filters,
  cursor: pageQuery.cursor.catch(undefined),
  done: z.enum(['deleted']).optional().catch(undefined),
})

export async function showApplications(request: ClientRequest): Promise<void> {
  const { ctx, db, at, show } = request
  const { cursor, done, ...filter } = parse(listQuery, { ...ctx.query })
  const owner = await ownerNamed(db, filter.organization)
  const rows = await listManagedClients(
    db,
    {
      organizationId: filter.organization === '*' ? undefined : (owner?.id ?? null),
      serviceAccounts: false,
      resourceServer: isNot(filter.kind, 'api'),
      active: isNot(filter.state, 'active'),
      q: filter.q || undefined,
    },
    { limit: pageSize, cursor },
  )
  const { items, next_cursor } = pageOf(
    rows,
    pageSize,
    ({ position }) => position,
    (client) => client,
  )
  const kept = Object.entries(filter).filter(([, value]) => value !== '')
  const address = (more: [string, string][] = []) => `${at}?${new URLSearchParams([...kept, ...more])}`
  await show('applications/list', {
    ...placeOf(request),
    filter,
    owner: owner && { slug: owner.slug, name: owner.name },
    isFiltered: kept.length > 0,
    newUrl: owner ? `${adding}?${new URLSearchParams({ organization: owner.slug })}` : adding,
    applications: items.map((client) => ({
      ...factsOf(request, client),
      kind: kindOf(client),
      owner: client.organization && {
        name: client.organization.name,
        href: `${at}?${new URLSearchParams({ organization: client.organization.slug })}`,
      },
    })),
    isFirstPage: cursor === undefined,
    newestUrl: address(),
    olderUrl: next_cursor ? address([['cursor', next_cursor]]) : undefined,
    done: done && message('applications.deleted'),
  })
}

/** Nothing chosen: both. */
function isNot<Value extends string>(chosen: Value | '', one: Value): boolean | undefined {
  return chosen === '' ? undefined : chosen === one
}

/** Whose are asked for: the deployment's without a name, everybody's with `*`. @throws GatehouseError not_found */
async function ownerNamed(db: Queryable, named: string): Promise<Organization | undefined> {
  if (named === '' || named === '*') return undefined
  const organization = await findOrganizationEvenSuspended(db, named)
  if (!organization) throw new GatehouseError('not_found', 'There is no such organization.')
  return organization
}
