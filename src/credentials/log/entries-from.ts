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

/** Who: what `authentication_log_holders` says once. */
export const holderColumns = [
  'credential_id',
  'credential_kind',
  'credential_name',
  'user_id',
  'user_email',
  'organization_id',
  'client_id',
] as const

/** How, and with what outcome: what `authentication_log_ways` says once. */
export const wayColumns = ['outcome', 'reason', 'via', 'resource_server', 'user_agent', 'method'] as const

/**
 * The statement that writes entries of the authentication log, and the only one that does: for a `with` of a longer
 * statement, or for its end. They commit with it, as one row.
 * @param source the name of a `with` query that has a row for each use, with all of `useColumns` as text; 1,024 at most
 * @returns SQL without parameters; for Kysely's `sql` in `sql.raw`
 */
export function entriesFrom(source: string): string {
  return `insert into authentication_log_batches (uses, holder, way, credential, ip, path)
    select count(*), array_agg(holder), array_agg(way), ${unlessEmpty('credential')}, ${unlessEmpty('ip')}, ${unlessEmpty('path')}
    from (
      select ${numberOf('holder', holderColumns)} as holder, ${numberOf('way', wayColumns)} as way, credential, ip, path
      from (
        select *, ${hashOf('holder', holderColumns)} as holder_hash, ${hashOf('way', wayColumns)} as way_hash from (
          select *, case when ${isHolders} then credential_id end as holder_credential_id,
            case when not ${isHolders} then credential_id end as credential
          from ${source}) as used
      ) as hashed
    ) as numbered
    having count(*) > 0`
}

/** Whether a credential is used again and again, or is one of very many. */
const isHolders = `credential_kind in ('api_key', 'client_secret', 'connection')`

/** Where all are null, so is the array. */
function unlessEmpty(column: string): string {
  return `case when count(${column}) > 0 then array_agg(${column}) end`
}

/** The number under which the words are written; what is new is written by a function (migration 0037). */
function numberOf(kind: 'holder' | 'way', columns: readonly string[]): string {
  const said = columns.map((column) => `known.${column}`).join(', ')
  return `coalesce((select known.id from authentication_log_${kind}s as known
        where known.hash = ${kind}_hash and known.made_at > now() - interval '1 day'
          and row(${said}) is not distinct from row(${saidBy(kind, columns, 'hashed.')}) limit 1),
      authentication_log_${kind}(${saidBy(kind, columns)}))`
}

function hashOf(kind: 'holder' | 'way', columns: readonly string[]): string {
  return `hash_record_extended(row(${saidBy(kind, columns)}), 0)`
}

/** @param of what the columns are of, where another table has the same names */
function saidBy(kind: 'holder' | 'way', columns: readonly string[], of = ''): string {
  return columns.map((column) => of + (column === 'credential_id' ? `${kind}_${column}` : column)).join(', ')
}

/** Writes the entry of one use. */
export async function recordUse(db: Queryable, use: Use): Promise<void> {
  const columns = useColumns.map((column) => sql`(${use[column]})::text as ${sql.raw(column)}`)
  await sql`with use as (select ${sql.join(columns)}) ${sql.raw(entriesFrom('use'))}`.execute(db)
}
