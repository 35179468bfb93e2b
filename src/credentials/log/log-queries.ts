import { type RawBuilder, sql } from 'kysely'
import { inSnapshot, type Queryable } from '#foundation/database/database.ts'
import { eachPage, newestFirst, newestOf, onlyIndexes, settingOf } from '#foundation/database/log-walk.ts'
import { isOf, type LogFilter, type LogPage, placed } from './log-filter.ts'
import { entryColumns, type LogRow } from './log-row.ts'
import { listPackedEntries } from './packed-entries.ts'

/**
 * Entries, newest first, from a position on: of what is not packed yet, of what is, and of the sums of what has no owner.
 * Each is read along indexes that stop at the limit, so a page costs the same among thousands of entries and among billions.
 */
export function listLogEntries(db: Queryable, filter: LogFilter, page: LogPage): Promise<LogRow[]> {
  const owned = filter.subjects.filter(({ of }) => of !== 'no owner')
  const ofOwners = { ...filter, subjects: owned }
  return inSnapshot(db, async (tx) => {
    await sql`select ${onlyIndexes}, ${settingOf('hashjoin', 'off')}, ${settingOf('nestloop', 'on')}`.execute(tx)
    const rows: LogRow[] = []
    if (owned.length < filter.subjects.length) rows.push(...(await readPage(tx, sums, sql`true`, filter, page)))
    if (owned.length > 0) {
      rows.push(...(await readPage(tx, recent, isOf(owned), ofOwners, page)))
      await sql`select ${settingOf('hashjoin', 'on')}, ${settingOf('nestloop', 'off')}`.execute(tx)
      rows.push(...(await listPackedEntries(tx, ofOwners, page)))
    }
    return newestOf(rows, page.limit)
  })
}

async function readPage(
  tx: Queryable,
  table: RawBuilder<unknown>,
  own: RawBuilder<unknown>,
  filter: LogFilter,
  page: LogPage,
): Promise<LogRow[]> {
  const { rows } = await sql<LogRow>`select ${entryColumns} from ${table} where ${own} and ${placed(filter, page)}
    ${newestFirst} limit ${page.limit}`.execute(tx)
  return rows
}

/** All entries, a page at a time. */
export function eachLogPage(db: Queryable, filter: LogFilter): AsyncGenerator<LogRow[]> {
  return eachPage((page) => listLogEntries(db, filter, page))
}

/** Whose key an API key is or, if it has been deleted, was, as far as this organization's log knows. */
export async function findOwnerOfApiKey(
  db: Queryable,
  { apiKeyId, organizationId }: { apiKeyId: string; organizationId: string },
): Promise<{ userId: string; name: string } | undefined> {
  const key = await db
    .selectFrom('credentials')
    .select(['userId', 'name'])
    .where('kind', '=', 'api_key')
    .where('id', '=', apiKeyId)
    .where('organizationId', '=', organizationId)
    .executeTakeFirst()
  if (key?.userId) return { userId: key.userId, name: key.name ?? '' }
  const [entry] = await listLogEntries(db, { subjects: [{ of: 'api key', apiKeyId, organizationId }] }, { limit: 1 })
  return entry?.userId ? { userId: entry.userId, name: entry.credentialName ?? '' } : undefined
}

const recent = sql`(select *, 1::bigint as count from authentication_log_recent('-infinity', 'infinity')) as recent`

/** The sums of `unknown_uses` in the form of entries. */
const sums = sql`(select id, minute as occurred_at, 'refused' as outcome, reason, null::text as credential_id,
  'unknown' as credential_kind, null::text as credential_name, via, null::text as user_id, null::text as user_email,
  null::text as organization_id, null::text as client_id, resource_server, network as ip, null::text as user_agent,
  null::text as method, null::text as path, count from unknown_uses) as sums`
