import { z } from 'zod'
import { listAuditEntries } from '#foundation/audit/audit-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { isLogPosition, positionOf } from '#foundation/database/log-walk.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import type { Route } from '#foundation/http/router.ts'
import { message } from '#foundation/messages/message.ts'
import { sendDownload } from '#surfaces/api-kit/download.ts'
import { exportText, type LogExportForm, ndjson } from '#surfaces/api-kit/log-export.ts'
import { periodEnd, periodStart } from '#surfaces/api-kit/log-period.ts'
import { optionalField, textsOf } from '#surfaces/page-kit/optional-field.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { type AuditEntry, toAuditEntry } from './audit-entry.ts'
import { askedOf, csv, eachEntry, organizationsOf } from './audit-log-api.ts'
import { differences } from './differences.ts'

interface AuditPagesParts {
  pages: SignedInPages
  db: Queryable
}

interface AuditRequest extends SignedInRequest {
  db: Queryable
  at: string
  /** Whether entries are of several organizations. */
  withOrganizations: boolean
}

const pageSize = 25

/** Every change in the organization, for its administrators. */
export function organizationAuditLogPages(parts: AuditPagesParts): Route[] {
  return pagesAt('/admin/audit-log', { withOrganizations: false }, parts)
}

/** Every change in every organization and of the deployment itself, for superadmins. */
export function deploymentAuditLogPages(parts: AuditPagesParts): Route[] {
  return pagesAt('/deployment/audit-log', { withOrganizations: true }, parts)
}

function pagesAt(at: string, { withOrganizations }: { withOrganizations: boolean }, { pages, db }: AuditPagesParts) {
  const { page } = pages.with({ db, at, withOrganizations })
  return [
    ['GET', at, page(showLog)],
    ['GET', `${at}.${csv.extension}`, page((request) => downloadLog(request, csv))],
    ['GET', `${at}.${ndjson.extension}`, page((request) => downloadLog(request, ndjson))],
  ] satisfies Route[]
}

const logQuery = z.object({
  actor: optionalField(z.string().max(254)),
  action: optionalField(z.string().max(100)),
  subject: optionalField(z.string().max(254)),
  organization: optionalField(z.string().max(100)),
  from: optionalField(periodStart),
  to: optionalField(periodEnd),
  cursor: pageQuery.cursor.refine((cursor) => !cursor || isLogPosition(cursor)).catch(undefined),
})

async function showLog(request: AuditRequest): Promise<void> {
  const { ctx, at, withOrganizations, signedIn, show } = request
  const asked = {
    actor: '',
    action: '',
    subject: '',
    organization: '',
    from: '',
    to: '',
    cursor: '',
    ...textsOf(logQuery, ctx.query),
  }
  const { entries, nextCursor, errors, status } = await readLog(request)
  const filter = new URLSearchParams(Object.entries(asked).filter(([name, value]) => value && name !== 'cursor'))
  const older = new URLSearchParams({ ...Object.fromEntries(filter), ...(nextCursor && { cursor: nextCursor }) })
  await show(
    'audit-log/log',
    {
      at,
      withOrganizations,
      organizationName: signedIn.organization.name,
      filter: asked,
      isFiltered: filter.size > 0,
      errors,
      entries: entries.map((entry) => ({ ...entry, at: new Date(entry.occurred_at), changes: differences(entry) })),
      isFirstPage: !asked.cursor,
      newestUrl: `${at}?${filter}`,
      olderUrl: nextCursor && `${at}?${older}`,
      exports: [csv, ndjson].map(({ extension, label }) => ({
        extension,
        label: label === ndjson.label ? message('page-kit.json_lines') : label,
        href: `${at}.${extension}?${filter}`,
      })),
    },
    status,
  )
}

interface FoundLog {
  entries: AuditEntry[]
  nextCursor: string | null
  errors: Record<string, unknown>
  status: number
}

/** What is wrong with a field is said at it. */
async function readLog(request: AuditRequest): Promise<FoundLog> {
  const nothing: FoundLog = { entries: [], nextCursor: null, errors: {}, status: 200 }
  try {
    const { filter, cursor } = await filterOf(request)
    const rows = await listAuditEntries(request.db, filter, { limit: pageSize + 1, cursor })
    const organizations = await organizationsOf(request.db, rows)
    const page = pageOf(rows, pageSize, positionOf, (row) => toAuditEntry(row, organizations))
    return { ...nothing, entries: page.items, nextCursor: page.next_cursor }
  } catch (error) {
    if (!(error instanceof GatehouseError)) throw error
    if (error.code === 'validation_failed') {
      const errors = Object.fromEntries(error.fields.map(({ path }) => [path, message('audit-log.day_problem')]))
      return { ...nothing, errors, status: 422 }
    }
    if (error.code !== 'not_found') throw error
    return { ...nothing, errors: { organization: message('audit-log.no_organization') }, status: 404 }
  }
}

async function filterOf({ db, ctx, actor, withOrganizations }: AuditRequest) {
  const { cursor, organization, ...query } = parse(logQuery, { ...ctx.query })
  const place = withOrganizations ? organization : actor.organizationId
  return { cursor, filter: await askedOf({ db, actor, query: { ...query, organization: place } }) }
}

async function downloadLog(request: AuditRequest, form: LogExportForm<AuditEntry>): Promise<void> {
  const { filter } = await filterOf(request)
  const file = { mediaType: form.mediaType, filename: `audit-log.${form.extension}` }
  sendDownload(request.ctx, file, exportText(form, eachEntry(request.db, filter)))
}
