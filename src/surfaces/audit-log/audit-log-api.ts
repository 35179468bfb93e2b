import { z } from 'zod'
import {
  findOrganization,
  listOrganizationsBySlug,
  namesOfOrganizations,
} from '#directory/organizations/organization-queries.ts'
import type { Actor } from '#directory/users/actor.ts'
import { findUserByEmail } from '#directory/users/user-queries.ts'
import { type AuditFilter, type AuditRow, eachAuditPage, listAuditEntries } from '#foundation/audit/audit-queries.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { isLogPosition, positionOf } from '#foundation/database/log-walk.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import { csvForm, logDownloads } from '#surfaces/api-kit/log-export.ts'
import { periodEnd, periodStart } from '#surfaces/api-kit/log-period.ts'
import { type AuditEntry, auditEntry, toAuditEntry } from './audit-entry.ts'

const name = z.string().max(254).refine(isStorable, 'must be text')

const query = z.strictObject({
  ...pageQuery,
  cursor: pageQuery.cursor.refine((cursor) => !cursor || isLogPosition(cursor), 'must be the next_cursor of an answer'),
  actor: name
    .optional()
    .describe(
      'Who: id or e-mail address of a person, whose API keys are included; id of an API key; or `setup_file`, …',
    ),
  action: name.optional().describe('`member.removed`, …'),
  subject: name.optional().describe('What was changed: its id, or the e-mail address of a person'),
  organization: z
    .string()
    .max(100)
    .refine(isStorable, 'must be text')
    .optional()
    .describe('For superadmins: slug or id of an organization, or `-` for what belongs to none. Absent: all of it'),
  from: periodStart.optional(),
  to: periodEnd.optional(),
})

export const csv = csvForm<AuditEntry>([
  ['id', ({ id }) => id],
  ['occurred_at', ({ occurred_at }) => occurred_at],
  ['actor_kind', ({ actor }) => actor.kind],
  ['actor_id', ({ actor }) => actor.id],
  ['actor_name', ({ actor }) => actor.name],
  ['owner_id', ({ actor }) => actor.owner?.id],
  ['owner_name', ({ actor }) => actor.owner?.name],
  ['via', ({ via }) => via],
  ['action', ({ action }) => action],
  ['subject_kind', ({ subject }) => subject.kind],
  ['subject_id', ({ subject }) => subject.id],
  ['subject_name', ({ subject }) => subject.name],
  ['organization', ({ organization }) => organization?.slug],
  ['before', ({ before }) => before && JSON.stringify(before)],
  ['after', ({ after }) => after && JSON.stringify(after)],
  ['ip', ({ ip }) => ip],
  ['request_id', ({ request_id }) => request_id],
  ['hash', ({ hash }) => hash],
])

/** `GET /v1/audit-log`: every change, newest first. */
export function auditLogApi(): ApiRoute[] {
  return [
    apiRoute({
      name: 'listAuditLog',
      method: 'GET',
      path: '/v1/audit-log',
      summary: 'List changes',
      description:
        'What was changed in the organization that the credential is for, by whom, by which door and from where. ' +
        'Superadmins see every organization and the deployment. As `text/csv` or `application/x-ndjson`: all that match, ' +
        'whatever `limit` and `cursor` say.',
      tags: ['Audit log'],
      query,
      answer: listOf(auditEntry),
      downloads: logDownloads('audit-log', csv, async (request: AuditRequest) =>
        eachEntry(request.db, await askedOf(request)),
      ),
      errors: ['not_found'],
      async handle(request) {
        const { db } = request
        const { limit, cursor } = request.query
        const rows = await listAuditEntries(db, await askedOf(request), { limit: limit + 1, cursor })
        const organizations = await organizationsOf(db, rows)
        return pageOf(rows, limit, positionOf, (row) => toAuditEntry(row, organizations))
      },
    }),
  ]
}

interface AuditRequest {
  db: Queryable
  actor: Actor
  query: z.infer<typeof query>
}

/** A filter as its words say it. */
type AskedWords = Omit<AuditRequest, 'query'> & { query: Omit<AuditRequest['query'], 'limit' | 'cursor'> }

/** What a filter's words stand for. @throws GatehouseError not_found for another's organization as for none */
export async function askedOf({ db, actor, query }: AskedWords): Promise<AuditFilter> {
  const { action, from, to } = query
  const organizationId = await askedOrganization(db, actor, query.organization)
  return {
    organizationId,
    actor: await idOf(db, query.actor),
    action,
    subject: await idOf(db, query.subject),
    from,
    to,
  }
}

/** Superadmins read of suspended ones too. */
async function askedOrganization(
  db: Queryable,
  { organizationId, user }: Actor,
  slugOrId: string | undefined,
): Promise<string | null | undefined> {
  if (slugOrId === undefined) return user.superadmin ? undefined : organizationId
  if (user.superadmin) {
    if (slugOrId === '-') return null
    const [organization] = await listOrganizationsBySlug(db, [slugOrId])
    const known = organization ? [] : [...(await namesOfOrganizations(db, [slugOrId])).keys()]
    const id = organization?.id ?? known[0]
    if (id !== undefined) return id
  } else if ((await findOrganization(db, slugOrId))?.id === organizationId) return organizationId
  throw new GatehouseError('not_found', 'There is no such organization.')
}

/** Whoever has the address now; of nobody's there is nothing to be found. */
async function idOf(db: Queryable, idOrEmail: string | undefined): Promise<string | undefined> {
  if (!idOrEmail?.includes('@')) return idOrEmail
  return (await findUserByEmail(db, idOrEmail))?.id ?? idOrEmail
}

/** What the organizations of some entries are called now. */
export function organizationsOf(db: Queryable, rows: readonly AuditRow[]) {
  const ids = new Set(rows.flatMap(({ organizationId }) => organizationId ?? []))
  return namesOfOrganizations(db, [...ids])
}

/** All entries of a filter, as the API tells them, a page at a time. */
export async function* eachEntry(db: Queryable, filter: AuditFilter): AsyncGenerator<AuditEntry[]> {
  for await (const rows of eachAuditPage(db, filter)) {
    const organizations = await organizationsOf(db, rows)
    yield rows.map((row) => toAuditEntry(row, organizations))
  }
}
