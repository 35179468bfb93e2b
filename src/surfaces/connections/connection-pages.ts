import { z } from 'zod'
import { activityOfConnections, failureDays } from '#authentication/connections/connection-activity.ts'
import { listConnections } from '#authentication/connections/connection-queries.ts'
import { requireMayManageConnections } from '#authentication/connections/save-connection.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import type { Route } from '#foundation/http/router.ts'
import { message } from '#foundation/messages/message.ts'
import type { SignedInPages } from '#surfaces/page-kit/signed-in-pages.ts'
import { postCheck, postState, postTry, showConnection } from './connection-page.ts'
import { postRemove, postRequired, showRemove, showRequired } from './connection-questions.ts'
import { postEdit, showEdit } from './edit-connection-page.ts'
import {
  type ConnectionPagesParts,
  type ConnectionPlace,
  type ConnectionRequest,
  managementOf,
  ownerIdOf,
  shownConnection,
} from './managed-connection.ts'
import { postNew, showKinds, showNew } from './new-connection-pages.ts'

const ofOrganization = { owner: 'organization', at: '/admin/connections', adding: '/admin/new-connection' } as const
const ofDeployment = {
  owner: 'deployment',
  at: '/deployment/connections',
  adding: '/deployment/new-connection',
} as const

/** Where the connections of either owner are looked after. */
export const connectionPlaces: Record<ConnectionPlace['owner'], ConnectionPlace> = {
  organization: ofOrganization,
  deployment: ofDeployment,
}

/** An organization's upstream identity providers, for its administrators; or the deployment's, for superadmins. */
export function connectionPages(
  place: ConnectionPlace,
  { pages, ...parts }: ConnectionPagesParts & { pages: SignedInPages },
): Route[] {
  const { page, form } = pages.with({ ...parts, ...place })
  const { at, adding } = place
  const back = { returnTo: at }
  return [
    ['GET', at, page(showConnections)],
    ['GET', adding, page(showKinds)],
    ['GET', `${adding}/:kind`, page(showNew)],
    ['POST', `${adding}/:kind`, form(postNew, back)],
    ['GET', `${at}/:name`, page(showConnection)],
    ['GET', `${at}/:name/edit`, page(showEdit)],
    ['POST', `${at}/:name/edit`, form(postEdit, back)],
    ['POST', `${at}/:name/state`, form(postState, back)],
    ['GET', `${at}/:name/required`, page(showRequired)],
    ['POST', `${at}/:name/required`, form(postRequired, back)],
    ['POST', `${at}/:name/try`, form(postTry, back)],
    ['POST', `${at}/:name/check`, form(postCheck, back)],
    ['GET', `${at}/:name/remove`, page(showRemove)],
    ['POST', `${at}/:name/remove`, form(postRemove, back)],
  ]
}

const pageSize = 25
const listQuery = z.object({
  cursor: pageQuery.cursor.catch(undefined),
  done: z.enum(['removed']).optional().catch(undefined),
})

async function showConnections(request: ConnectionRequest): Promise<void> {
  const { db, ctx, at, adding, owner, signedIn, show } = request
  requireMayManageConnections(managementOf(request))
  const { cursor, done } = parse(listQuery, { ...ctx.query })
  const organizationId = ownerIdOf(request)
  const rows = await listConnections(db, { organizationId }, { limit: pageSize, cursor })
  const page = pageOf(
    rows,
    pageSize,
    (row) => ({ at: row.createdAt, id: row.id }),
    (row) => row,
  )
  const activity = await activityOfConnections(
    db,
    { organizationId },
    page.items.map(({ id }) => id),
    new Date(),
  )
  await show('connections/list', {
    at,
    adding,
    owner,
    organizationName: signedIn.organization.name,
    failureDays,
    connections: page.items.map((row) => ({ ...shownConnection(request, row), ...activity.get(row.id) })),
    olderUrl: page.next_cursor ? `${at}?${new URLSearchParams({ cursor: page.next_cursor })}` : undefined,
    isFirstPage: cursor === undefined,
    done: done && message('connections.done.removed'),
  })
}
