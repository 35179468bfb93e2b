import { CompiledQuery } from 'kysely'
import { hashPassword } from '#authentication/passwords/password.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Database } from '#foundation/database/database.ts'
import { newApiKey } from '#foundation/values/api-key.ts'
import { type Algorithm, password } from './clients.ts'
import { insertClients } from './seed-clients.ts'
import { insertRefreshTokens } from './seed-refresh-tokens.ts'

export interface Seed {
  /** Access tokens to introspect. */
  tokens: string[]
  /** API keys to introspect. */
  keys: string[]
  /** Of each client one for each connection. */
  refreshTokens: Record<Algorithm, string[]>
  /** An API key of an administrator, by which teams are changed. */
  adminKey: string
}

export interface Size {
  /** Access tokens. */
  tokens: number
  /** API keys, ten for each person. */
  keys: number
  /** Teams that everybody is in, all granting the same. */
  teams: number
  /** Beside those who have keys. */
  people: number
  /** Refresh tokens, of each client. */
  connections: number
}

/** What is asked about: spread over all there are. */
const asked = 1_000

/**
 * Fills a migrated database: an organization whose people have two permissions and two data scopes each, through every
 * team; access tokens and API keys among them; and refresh tokens.
 */
export async function seed(database: Database, size: Size): Promise<Seed> {
  const run = (text: string, values: unknown[] = []) => execute(database, text, values)
  const users = Math.max(1000, size.people, Math.ceil(size.keys / 10))
  await run(`insert into organizations (id, slug, name) values ('org_bench', 'acme', 'Acme Corporation')`)
  await run(`insert into permissions (name) values ('configuration-items:read'), ('configuration-items:write')`)
  await run(
    `insert into users (id, email, name, email_verified_at, password_hash)
    select 'usr_' || i, 'person' || i || '@acme.test', 'Person ' || i, now(), $1 from generate_series(0, ${users - 1}) i`,
    [await hashPassword(password)],
  )
  await run(`insert into memberships (id, organization_id, user_id, admin, effective_permissions, effective_data_scopes)
    select 'mem_' || i, 'org_bench', 'usr_' || i, i = 0, '["configuration-items:read","configuration-items:write"]',
      '[{"source":"kubernetes","scope_id":"prod-cluster"},{"source":"proxmox","scope_id":null}]'
    from generate_series(0, ${users - 1}) i`)
  await run(`insert into teams (id, organization_id, name, permissions, data_scopes)
    select 'team_' || i, 'org_bench', 'team ' || i, '["configuration-items:read","configuration-items:write"]',
      '[{"source":"kubernetes","scope_id":"prod-cluster"},{"source":"proxmox","scope_id":null}]'
    from generate_series(1, ${size.teams}) i`)
  await run(`insert into team_members (team_id, membership_id) select t.id, m.id from teams t cross join memberships m`)
  await insertClients(database)
  await run(`insert into oauth_grants (id, client_id, user_id, organization_id, payload, expires_at)
    select 'grant_' || i, 'console', 'usr_' || i, 'org_bench',
      jsonb_build_object('accountId', 'usr_' || i, 'clientId', 'console', 'kind', 'Grant', 'iat', 1,
        'exp', extract(epoch from now() + interval '1 day')::int, 'openid', jsonb_build_object('scope', 'openid email')),
      now() + interval '1 day'
    from generate_series(0, 199) i`)
  await run(`insert into credentials (hash, format, kind, id, grant_id, client_id, user_id, organization_id, scope,
      expires_at)
    select sha256(convert_to('benchaccesstoken' || lpad(i::text, 27, '0'), 'UTF8')), 'opaque', 'access_token',
      'tok_' || i, 'grant_' || i % 200, 'console', 'usr_' || i % 200, 'org_bench', 'openid email',
      now() + interval '1 day'
    from generate_series(0, ${size.tokens - 1}) i`)
  const keys = await insertApiKeys(database, size.keys)
  const refreshTokens = {
    es256: await insertRefreshTokens(database, 'es256', size.connections),
    rs256: await insertRefreshTokens(database, 'rs256', size.connections),
  }
  const adminKey = await insertAdminKey(database)
  await run('analyze')
  const step = Math.max(1, Math.floor(size.tokens / asked))
  const tokens = Array.from({ length: Math.min(asked, size.tokens) }, (_, i) => i * step).map(
    (i) => `benchaccesstoken${String(i).padStart(27, '0')}`,
  )
  return { tokens, keys, refreshTokens, adminKey }
}

/** Most get a made-up hash; those that are asked about, evenly among them, that of a key. */
async function insertApiKeys(database: Database, count: number): Promise<string[]> {
  const keys = Array.from({ length: Math.min(asked, count) }, () => newApiKey('gate'))
  const step = Math.max(1, Math.floor(count / asked))
  await execute(
    database,
    `insert into credentials (hash, format, kind, id, name, hint, user_id, organization_id, created_by, expires_at)
      select coalesce(decode(($1::json) ->> (case when i % ${step} = 0 then i / ${step} end)::int, 'hex'), sha256(convert_to('made up ' || i, 'UTF8'))), 'opaque',
        'api_key', 'key_' || i, 'key ' || i % 10, 'gate_usr_…', 'usr_' || i / 10, 'org_bench', 'usr_' || i / 10,
        now() + interval '90 days'
      from generate_series(0, ${count - 1}) i`,
    [JSON.stringify(keys.map((key) => sha256(key).toString('hex')))],
  )
  return keys
}

async function insertAdminKey(database: Database): Promise<string> {
  const key = newApiKey('gate')
  await execute(
    database,
    `insert into credentials (hash, format, kind, id, name, hint, user_id, organization_id, created_by, administration,
        expires_at)
      values ($1, 'opaque', 'api_key', 'key_admin', 'administration', 'gate_usr_…', 'usr_0', 'org_bench', 'usr_0', true,
        now() + interval '90 days')`,
    [sha256(key)],
  )
  return key
}

/** On the connection that may take its time: a million keys take longer than a request may. */
async function execute({ background }: Database, text: string, values: unknown[]): Promise<void> {
  await background.executeQuery(CompiledQuery.raw(text, values))
}
