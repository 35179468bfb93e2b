import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import { newestFirst } from '#foundation/database/log-walk.ts'
import { isOf, type LogFilter, type LogPage } from './log-filter.ts'
import { entryColumns, type LogRow } from './log-row.ts'

/** Up to so many holders are looked for one by one, in C; of more, use by use until there are enough. */
const few = 8

/** Entries out of segments, no more from each than a page has. */
export async function unpackPage(
  tx: Queryable,
  segments: readonly number[],
  filter: LogFilter,
  page: LogPage,
): Promise<LogRow[]> {
  const { rows } = await sql<LogRow>`
    select ${entryColumns} from (
      select run_base[run[place]] + place as id, run_at[run[place]] as occurred_at, coalesce(who.credential_id, c.text) as credential_id,
        who.credential_kind, who.credential_name, who.user_id, who.user_email, who.organization_id, who.client_id,
        how.*, i.text as ip, p.text as path, 1::bigint as count
      from (${unpacked(segments)}) as segment
      cross join lateral (${meantIn(filter)}) as meant
      cross join lateral (${placesIn(filter, page)}) as places
      join lateral unnest(holder_credential_id, holder_credential_kind, holder_credential_name, holder_user_id,
        holder_user_email, holder_organization_id, holder_client_id) with ordinality as who (credential_id,
        credential_kind, credential_name, user_id, user_email, organization_id, client_id, number) on who.number = holder[place]
      join lateral unnest(way_outcome, way_reason, way_via, way_resource_server, way_user_agent, way_method)
        with ordinality as how (outcome, reason, via, resource_server, user_agent, method, number) on how.number = way[place]
      left join lateral unnest(credentials) with ordinality as c (text, number) on c.number = credential[place]
      left join lateral unnest(ips) with ordinality as i (text, number) on i.number = ip[place]
      left join lateral unnest(paths) with ordinality as p (text, number) on p.number = path[place]
    ) as entries ${newestFirst}`.execute(tx)
  return rows
}

/** Arrays out of which single elements are taken, decompressed once for all of them. */
function unpacked(segments: readonly number[]): RawBuilder<unknown> {
  const once = ['run', 'holder', 'way', 'credential', 'ip', 'path'].map(
    (column) => `${column} || '{}'::int2[] as ${column}`,
  )
  const words = ['holder_credential_id', 'holder_credential_kind', 'holder_credential_name', 'holder_user_id']
    .concat('holder_user_email', 'holder_organization_id', 'holder_client_id')
    .concat('way_outcome', 'way_reason', 'way_via', 'way_resource_server', 'way_user_agent', 'way_method')
    .concat('credentials', 'ips', 'paths')
  return sql`select uses, ${sql.raw([...once, ...words].join(', '))},
      run_base || '{}'::bigint[] as run_base, run_at || '{}'::timestamptz[] as run_at
    from authentication_log_segments where id = any(array[${sql.join(segments)}]::bigint[]) offset 0`
}

function isEverything({ subjects }: LogFilter): boolean {
  return subjects.some(({ of }) => of === 'everything')
}

/** The numbers of the holders and ways that are asked for. */
function meantIn(filter: LogFilter): RawBuilder<unknown> {
  const holders = sql`array(select number::int2 from unnest(holder_organization_id, holder_user_id, holder_credential_kind,
    holder_credential_id) with ordinality as who (organization_id, user_id, credential_kind, credential_id, number)
    where ${isOf(filter.subjects)})`
  const ways = sql`array(select number::int2 from unnest(way_outcome) with ordinality as how (outcome, number)
    where outcome = ${filter.outcome ?? null})`
  return sql`select ${isEverything(filter) ? sql`null::int2[]` : holders} as holders, ${ways} as ways offset 0`
}

/** The last places of what is asked for. */
function placesIn(filter: LogFilter, page: LogPage): RawBuilder<unknown> {
  const at = sql`run_at[run[place]]`
  const conditions = [sql`true`]
  if (filter.outcome !== undefined) conditions.push(sql`way[place] = any(meant.ways)`)
  if (filter.from !== undefined) conditions.push(sql`${at} >= ${filter.from}::timestamptz`)
  if (filter.to !== undefined) conditions.push(sql`${at} < ${filter.to}::timestamptz`)
  if (page.cursor) {
    conditions.push(
      sql`(${at}, run_base[run[place]] + place) < (${page.cursor.at}::timestamptz, ${page.cursor.id}::bigint)`,
    )
  }
  const isWanted = sql.join(conditions, sql` and `)
  const oneByOne = (condition: RawBuilder<unknown>) => sql`(
    select place from (select generate_series(uses, 1, -1) as place) as downwards where ${condition} and ${isWanted}
    limit ${page.limit})`
  if (isEverything(filter)) return oneByOne(sql`true`)
  return sql`${oneByOne(sql`cardinality(meant.holders) > ${few} and holder[place] = any(meant.holders)`)}
    union all (
      select place from unnest(meant.holders) as one, unnest(array_positions(holder, one)) as place
      where cardinality(meant.holders) <= ${few} and ${isWanted} order by place desc limit ${page.limit})`
}
