import { type RawBuilder, sql } from 'kysely'
import { holderColumns, wayColumns } from './entries-from.ts'

/** Uses to be packed together, as SQL: of one day (UTC), 30,000 at most. */
export interface Unpacked {
  /** `id, at, holder_key, way_key, credential, ip, path` of each use. */
  uses: RawBuilder<unknown>
  /** `key` and `holderColumns`, one row for each key. */
  holders: RawBuilder<unknown>
  /** `key` and `wayColumns`. */
  ways: RawBuilder<unknown>
}

const holderNames = names(holderColumns)
const wayNames = names(wayColumns)

/** The members of a segment's arrays of texts, in order. */
export const wordColumns = [
  ...holderColumns.map((column) => `holder_${column}`),
  ...wayColumns.map((column) => `way_${column}`),
  'credentials',
  'ips',
  'paths',
]

/**
 * `with` queries that end in `packed`: the one row of a segment, without its id, or none of no uses. What is told by words is
 * numbered, the words themselves are said once, and everything is in the order in which the log is read.
 */
export function packing({ uses, holders, ways }: Unpacked): RawBuilder<unknown> {
  return sql`uses as materialized (
    select *, row_number() over (order by at, id)::int as place from (${uses}) as uses
  ), runs as materialized (
    select at, base, row_number() over (order by at, base) as number from (
      select at, id - place as base from uses group by 1, 2) as runs
  ), holders as materialized (
    select *, dense_rank() over (order by ${holderNames}) as number from (${holders}) as holders
  ), ways as materialized (
    select *, dense_rank() over (order by ${wayNames}) as number from (${ways}) as ways
  ), ${textsOf('credential')}, ${textsOf('ip')}, ${textsOf('path')}, placed as (
    select runs.number as run, holders.number as holder, ways.number as way, coalesce(credentials.number, 0) as credential,
      coalesce(ips.number, 0) as ip, coalesce(paths.number, 0) as path
    from uses join runs on runs.at = uses.at and runs.base = uses.id - uses.place
    join holders on holders.key = holder_key join ways on ways.key = way_key
    left join credentials on credentials.text = credential left join ips on ips.text = ip
    left join paths on paths.text = path
    order by place
  ), packed as (
    select * from
      (select min(at) as first_at, max(at) as last_at, count(*) as uses from uses having count(*) > 0) as whole,
      (select array_agg(run::int2) as run, array_agg(holder::int2) as holder, array_agg(way::int2) as way,
        array_agg(credential::int2) as credential, array_agg(ip::int2) as ip, array_agg(path::int2) as path
        from placed) as numbers,
      (select array_agg(base order by number) as run_base, array_agg(at order by number) as run_at from runs) as run,
      (select ${wordsOf('holder', holderColumns)} from (select distinct number, ${holderNames} from holders) as said) as holder,
      (select ${wordsOf('way', wayColumns)} from (select distinct number, ${wayNames} from ways) as said) as way,
      (select array_agg(text order by number) as credentials from credentials) as credentials,
      (select array_agg(text order by number) as ips from ips) as ips,
      (select array_agg(text order by number) as paths from paths) as paths
  )`
}

/** The columns of `packed`, which are those of a segment. */
export const packedColumns = sql.raw(
  ['first_at', 'last_at', 'uses', 'run', 'holder', 'way', 'credential', 'ip', 'path', 'run_base', 'run_at']
    .concat(wordColumns)
    .join(', '),
)

/** The settings under which a thousand uses are joined by hash, whatever else the connection is for and estimates say. */
export const settingsForPacking = sql.raw(
  Object.entries({ nestloop: 'off', hashjoin: 'on', mergejoin: 'on', seqscan: 'on', sort: 'on' })
    .map(([name, value]) => `set_config('enable_${name}', '${value}', true)`)
    .concat(`set_config('plan_cache_mode', 'force_custom_plan', true)`, `set_config('jit', 'off', true)`)
    .join(', '),
)

function textsOf(column: string): RawBuilder<unknown> {
  return sql.raw(`${column}s as materialized (
    select text, row_number() over (order by text) as number from (
      select distinct ${column} as text from uses where ${column} is not null) as texts)`)
}

function names(columns: readonly string[]): RawBuilder<unknown> {
  return sql.raw(columns.join(', '))
}

function wordsOf(kind: string, columns: readonly string[]): RawBuilder<unknown> {
  return sql.raw(columns.map((column) => `array_agg(${column} order by number) as ${kind}_${column}`).join(', '))
}
