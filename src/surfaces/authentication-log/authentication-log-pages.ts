import { z } from 'zod'
import { listApiKeyNames, listLiveApiKeyIds } from '#authentication/api-keys/api-key-queries.ts'
import { type LogFilter, logOutcomes } from '#credentials/log/log-filter.ts'
import { listLogEntries } from '#credentials/log/log-queries.ts'
import type { LogRow } from '#credentials/log/log-row.ts'
import { activityByDay, isSignIn } from '#credentials/log/uses-by-day.ts'
import { namesOfClients } from '#directory/clients/client-queries.ts'
import { listMembers } from '#directory/organizations/membership-queries.ts'
import { namesOfPeople } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { isLogPosition, positionOf } from '#foundation/database/log-walk.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import type { Route } from '#foundation/http/router.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import { sendDownload } from '#surfaces/api-kit/download.ts'
import { exportText, type LogExportForm, ndjson } from '#surfaces/api-kit/log-export.ts'
import { periodEnd, periodStart } from '#surfaces/api-kit/log-period.ts'
import { optionalField, textsOf } from '#surfaces/page-kit/optional-field.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { activityPictures } from './activity-pictures.ts'
import { eachEntry } from './authentication-log-api.ts'
import type { LogEntry } from './log-entry.ts'
import { csv } from './log-export.ts'
import { outcomeLabel, useInWords } from './log-words.ts'
import { visibleSubjects } from './visible-subjects.ts'

interface LogPagesParts {
  pages: SignedInPages
  db: Queryable
}

/** A request for a log: one's own under `/account`, the organization's under `/admin`. */
interface LogRequest extends SignedInRequest {
  db: Queryable
  at: string
  /** Whether entries are of several people. */
  withPeople: boolean
}

/** An entry is some one and a half kilobytes, and a page stays below sixty. */
const pageSize = 20
const mostChoices = 100

/** One's own uses. */
export function ownAuthenticationLogPages(parts: LogPagesParts): Route[] {
  return pagesAt('/account/authentication-log', { withPeople: false }, parts)
}

/** Everybody's uses in the organization, for its administrators. */
export function organizationAuthenticationLogPages(parts: LogPagesParts): Route[] {
  return pagesAt('/admin/authentication-log', { withPeople: true }, parts)
}

function pagesAt(at: string, { withPeople }: { withPeople: boolean }, { pages, db }: LogPagesParts): Route[] {
  const { page } = pages.with({ db, at, withPeople })
  return [
    ['GET', at, page(showLog)],
    ['GET', `${at}.${csv.extension}`, page((request) => downloadLog(request, csv))],
    ['GET', `${at}.${ndjson.extension}`, page((request) => downloadLog(request, ndjson))],
  ]
}

const logQuery = z.object({
  api_key: optionalField(z.string().max(100)),
  user: optionalField(z.string().max(254)),
  from: optionalField(periodStart),
  to: optionalField(periodEnd),
  outcome: z.enum(logOutcomes).optional().catch(undefined),
  cursor: pageQuery.cursor.refine((cursor) => !cursor || isLogPosition(cursor)).catch(undefined),
})

async function showLog(request: LogRequest): Promise<void> {
  const { db, ctx, at, signedIn, withPeople, show } = request
  const { organization } = signedIn
  // As the form shows them again.
  const asked = { api_key: '', user: '', from: '', to: '', outcome: '', cursor: '', ...textsOf(logQuery, ctx.query) }
  const [found, people] = await Promise.all([
    readLog(request),
    withPeople ? listMembers(db, organization.id, mostChoices + 1) : [],
  ])
  const keys = await keyChoices(request, withPeople ? found.personId : signedIn.user.id)
  const chosen = asked.api_key && !keys.some(({ id }) => id === asked.api_key)
  const filter = new URLSearchParams(Object.entries(asked).filter(([name, value]) => value && name !== 'cursor'))
  const older = new URLSearchParams(filter)
  if (found.nextCursor) older.set('cursor', found.nextCursor)
  await show(
    'authentication-log',
    {
      at,
      withPeople,
      organizationName: organization.name,
      filter: asked,
      outcomes: logOutcomes.map((outcome) => [outcome, outcomeLabel(outcome)]),
      isFiltered: filter.size > 0,
      errors: found.errors,
      keys: chosen
        ? [{ id: asked.api_key, name: found.keyName ?? message('authentication-log.filter.deleted_key') }, ...keys]
        : keys,
      people: people.length > mostChoices ? undefined : people,
      pictures: found.subjects && activityPictures(await activityByDay(db, found.subjects)),
      entries: found.rows.length > 0 ? await describeEntries(request, found.rows) : [],
      isFirstPage: !asked.cursor,
      newestUrl: `${at}?${filter}`,
      olderUrl: found.nextCursor && `${at}?${older}`,
      exports: [csv, ndjson].map(({ extension, label }) => ({
        extension,
        label: label === ndjson.label ? message('page-kit.json_lines') : label,
        href: `${at}.${extension}?${filter}`,
      })),
    },
    found.status,
  )
}

interface FoundLog {
  rows: LogRow[]
  nextCursor: string | null
  subjects: LogFilter['subjects'] | undefined
  /** Of the one that is asked for. */
  personId: string | undefined
  keyName: string | undefined
  errors: Record<string, Text>
  status: number
}

const nothing: FoundLog = {
  rows: [],
  nextCursor: null,
  subjects: undefined,
  personId: undefined,
  keyName: undefined,
  errors: {},
  status: 200,
}

/** What is wrong with a field is said at it; a key that does not exist here is a page that does not. */
async function readLog(request: LogRequest): Promise<FoundLog> {
  const { db, ctx } = request
  try {
    const { cursor, filter, personId } = await askedOf(request)
    const rows = await listLogEntries(db, filter, { limit: pageSize + 1, cursor })
    const page = pageOf(rows, pageSize, positionOf, (row) => row)
    const keyName = ctx.query.api_key ? (page.items[0]?.credentialName ?? undefined) : undefined
    return { ...nothing, rows: page.items, nextCursor: page.next_cursor, subjects: filter.subjects, personId, keyName }
  } catch (error) {
    if (!(error instanceof GatehouseError)) throw error
    if (error.code === 'validation_failed') {
      const errors = Object.fromEntries(
        error.fields.map(({ path }) => [path, message('authentication-log.filter.day')]),
      )
      return { ...nothing, errors, status: 422 }
    }
    if (error.code !== 'not_found' || !ctx.query.user || ctx.query.api_key) throw error
    return { ...nothing, errors: { user: sentence('Nobody in this organization has this address.') }, status: 404 }
  }
}

async function askedOf({ db, ctx, actor, withPeople }: LogRequest) {
  const { api_key: apiKey, user, from, to, outcome, cursor } = parse(logQuery, { ...ctx.query })
  const subjects = await visibleSubjects(db, actor, { apiKey, user: withPeople ? (user ?? '*') : undefined })
  const filter: LogFilter = { subjects, from, to, outcome }
  const [subject] = subjects
  return { filter, cursor, personId: subject?.of === 'person' ? subject.userId : undefined }
}

async function downloadLog(request: LogRequest, form: LogExportForm<LogEntry>): Promise<void> {
  const { ctx, db } = request
  const { filter } = await askedOf(request)
  const file = { mediaType: form.mediaType, filename: `authentication-log.${form.extension}` }
  sendDownload(ctx, file, exportText(form, eachEntry(db, filter)))
}

/** What a page says of each entry, with the names of clients and people as they are now. */
async function describeEntries({ db, withPeople, signedIn }: LogRequest, rows: LogRow[]) {
  const idsOf = (column: keyof LogRow) => rows.flatMap((row) => row[column] ?? []) as string[]
  const [clients, people, liveKeys] = await Promise.all([
    namesOfClients(db, [...idsOf('clientId'), ...idsOf('resourceServer')]),
    withPeople ? namesOfPeople(db, idsOf('userId')) : new Map<string, string>(),
    listLiveApiKeyIds(db, signedIn.organization.id, idsOf('credentialId')),
  ])
  return rows.map((row) => ({
    ...row,
    ...useInWords(row, (clientId) => (clientId === null ? undefined : (clients.get(clientId) ?? clientId))),
    person: row.userId === null ? undefined : (people.get(row.userId) ?? row.userEmail),
    isSignIn: isSignIn(row.credentialKind),
    mayRevoke: row.credentialId !== null && liveKeys.has(row.credentialId),
  }))
}

/** To choose from: keys of one person, or with the names of their owners those of an organization. */
async function keyChoices({ db, signedIn }: LogRequest, userId: string | undefined) {
  const keys = await listApiKeyNames(db, { organizationId: signedIn.organization.id, userId }, mostChoices)
  return keys.map(({ id, name, owner }) => ({ id, name: userId === undefined ? `${name} (${owner})` : name }))
}
