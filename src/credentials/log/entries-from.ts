import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'

/** What an entry of the authentication log says of one use; its id and time are the database's. */
export const useColumns = [
  'outcome',
  'reason',
  'credential_id',
  'credential_kind',
  'credential_name',
  'via',
  'user_id',
  'user_email',
  'organization_id',
  'client_id',
  'resource_server',
  'ip',
  'user_agent',
  'method',
  'path',
] as const

export type UseColumn = (typeof useColumns)[number]

/** Of one use: values, or what SQL computes. */
export type Use = Record<UseColumn, string | null | RawBuilder<string | null>>

/**
 * The statement that writes entries of the authentication log, and the only one that does: for a `with` of a longer
 * statement, or for its end. They commit with it.
 * @param source the name of a `with` query that has a row for each use, with all of `useColumns` as text
 * @returns SQL without parameters; for Kysely's `sql` in `sql.raw`
 */
export function entriesFrom(source: string): string {
  const columns = useColumns.join(', ')
  return `insert into authentication_log (${columns}) select ${columns} from ${source}`
}

/** Writes the entry of one use. */
export async function recordUse(db: Queryable, use: Use): Promise<void> {
  const columns = useColumns.map((column) => sql`(${use[column]})::text as ${sql.raw(column)}`)
  await sql`with use as (select ${sql.join(columns)}) ${sql.raw(entriesFrom('use'))}`.execute(db)
}
