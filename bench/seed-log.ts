import { CompiledQuery } from 'kysely'
import type { Database } from '#foundation/database/database.ts'

/** Fills the authentication log as introspection of the seeded tokens would have, over the last hundred days. */
export async function seedLog({ background }: Database, entries: number): Promise<void> {
  await background.executeQuery(
    CompiledQuery.raw(`
      insert into authentication_log (occurred_at, outcome, credential_id, credential_kind, via, user_id, user_email,
        organization_id, client_id, resource_server, ip, user_agent, method, path)
      select now() - interval '100 days' * (i::float / ${entries}), 'accepted', 'tok_' || i % 1000, 'access_token',
        'introspection', 'usr_' || i % 200, 'person' || i % 200 || '@acme.test', 'org_bench', 'console', 'inventory-api',
        '203.0.113.7', 'Mozilla/5.0', 'GET', '/configuration-items'
      from generate_series(1, ${entries}) i`),
  )
  await background.executeQuery(CompiledQuery.raw('vacuum analyze'))
}

/** Bytes of all that the log keeps of uses, with its indexes. */
export const logBytes = `select sum(pg_total_relation_size(oid))::int8 as bytes from pg_class
  where relkind = 'r' and relname like 'authentication_log%'`
