import { CompiledQuery } from 'kysely'
import { packLog } from '#credentials/log/pack-log.ts'
import type { Database } from '#foundation/database/database.ts'

const together = 64

/** Fills the authentication log as introspection of the seeded tokens would have, over the last hundred days, and packs it. */
export async function seedLog({ background }: Database, entries: number): Promise<void> {
  await background.executeQuery(
    CompiledQuery.raw(`
      with people as materialized (
        select n, authentication_log_holder(null, 'access_token', null, 'usr_' || n, 'person' || n || '@acme.test',
          'org_bench', 'console') as holder from generate_series(0, 199) as n
      ), way as materialized (
        select authentication_log_way('accepted', null, 'introspection', 'inventory-api', 'Mozilla/5.0', 'GET') as way
      )
      insert into authentication_log_batches (at, uses, holder, way, credential, ip, path)
      select now() - interval '100 days' * (i / ${together} * ${together}::float / ${entries}), count(*), array_agg(holder),
        array_agg(way), array_agg('tok_' || i % 1000), array_agg('203.0.113.7'::text), array_agg('/configuration-items'::text)
      from generate_series(1, ${entries}) as i join people on n = i % 200, way group by i / ${together}`),
  )
  await packLog(background, { waitSeconds: 0, youngSeconds: 0 })
  await background.executeQuery(CompiledQuery.raw('vacuum analyze'))
}

/** Bytes of all that the log keeps of uses, with its indexes. */
export const logBytes = `select sum(pg_total_relation_size(oid))::int8 as bytes from pg_class
  where relkind = 'r' and relname like 'authentication_log%'`
