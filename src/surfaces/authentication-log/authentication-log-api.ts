import { z } from 'zod'
import { type LogFilter, logOutcomes } from '#credentials/log/log-filter.ts'
import { eachLogPage, listLogEntries } from '#credentials/log/log-queries.ts'
import type { LogRow } from '#credentials/log/log-row.ts'
import { findOrganization, namesOfOrganizations } from '#directory/organizations/organization-queries.ts'
import type { Actor } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { isLogPosition, positionOf } from '#foundation/database/log-walk.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import { logDownloads } from '#surfaces/api-kit/log-export.ts'
import { periodEnd, periodStart } from '#surfaces/api-kit/log-period.ts'
import { logEntry, toLogEntry } from './log-entry.ts'
import { csv } from './log-export.ts'
import { visibleSubjects } from './visible-subjects.ts'

const query = z.strictObject({
  ...pageQuery,
  cursor: pageQuery.cursor.refine((cursor) => !cursor || isLogPosition(cursor), 'must be the next_cursor of an answer'),
  api_key: z.string().max(100).optional().describe('Id of an API key, also of a deleted one'),
  user: z
    .string()
    .max(254)
    .optional()
    .describe(
      'For administrators: id or e-mail address of a member, or `*` for everybody in the organization; for a ' +
        'superadmin without `organization`, `*` is everybody in all of them, and what has no owner',
    ),
  organization: z.string().max(100).optional().describe('For superadmins: slug or id of another organization'),
  from: periodStart.optional(),
  to: periodEnd.optional(),
  outcome: z.enum(logOutcomes, { error: 'must be accepted, refused or denied' }).optional(),
})

/** `GET /v1/authentication-log`: every use of a credential, newest first. Asking is a use as well, and in it. */
export function authenticationLogApi(): ApiRoute[] {
  return [
    apiRoute({
      name: 'listAuthenticationLog',
      method: 'GET',
      path: '/v1/authentication-log',
      summary: 'List uses of credentials',
      description:
        'One’s own in the organization that the credential is for, and what happened before one was chosen; an ' +
        'administrator may name a member by id or e-mail address, everybody with `user=*`, or any API key of the ' +
        'organization. As `text/csv` or `application/x-ndjson`: all that match, whatever `limit` and `cursor` say.',
      tags: ['Authentication log'],
      query,
      answer: listOf(logEntry),
      downloads: logDownloads('authentication-log', csv, async (request: LogRequest) =>
        eachEntry(request.db, await asked(request)),
      ),
      errors: ['permission_denied', 'not_found'],
      async handle(request) {
        const filter = await asked(request)
        const { db, query } = request
        const { limit, cursor } = query
        const rows = await listLogEntries(db, filter, { limit: limit + 1, cursor })
        const organizations = await organizationsOf(db, rows)
        return pageOf(rows, limit, positionOf, (row) => toLogEntry(row, organizations))
      },
    }),
  ]
}

interface LogRequest {
  db: Queryable
  actor: Actor
  query: z.infer<typeof query>
}

/** @throws GatehouseError permission_denied, not_found */
async function asked({ db, query, ...by }: LogRequest): Promise<LogFilter> {
  const { user, api_key: apiKey, from, to, outcome, organization } = query
  const actor = await actorIn(db, by.actor, organization)
  const everywhere = organization === undefined
  return { subjects: await visibleSubjects(db, actor, { user, apiKey, everywhere }), from, to, outcome }
}

/** Another organization is open to superadmins alone; to others it is as if it did not exist. */
async function actorIn(db: Queryable, actor: Actor, slugOrId: string | undefined): Promise<Actor> {
  const organization = await findOrganization(db, slugOrId ?? actor.organizationId)
  const isOpen = organization?.id === actor.organizationId || (actor.isAdmin && actor.user.superadmin)
  if (!organization || !isOpen) throw new GatehouseError('not_found', 'There is no such organization.')
  return { ...actor, organizationId: organization.id }
}

function organizationsOf(db: Queryable, rows: readonly LogRow[]) {
  const ids = new Set(rows.flatMap(({ organizationId }) => organizationId ?? []))
  return namesOfOrganizations(db, [...ids])
}

/** All entries of a filter, as the API tells them, a page at a time. */
export async function* eachEntry(db: Queryable, filter: LogFilter) {
  for await (const rows of eachLogPage(db, filter)) {
    const organizations = await organizationsOf(db, rows)
    yield rows.map((row) => toLogEntry(row, organizations))
  }
}
