import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Database } from '#foundation/database/database.ts'
import { toJson } from '#foundation/database/database.ts'
import { newApiKey } from '#foundation/values/api-key.ts'

const day = 86_400_000

export interface Seed {
  /** Access tokens to introspect. */
  tokens: string[]
  /** API keys to introspect. */
  keys: string[]
  /** One for each connection. */
  refreshTokens: string[]
}

export const resourceServer = { clientId: 'inventory-api', clientSecret: 'bench-secret-0123456789' }
export const serviceAccount = { clientId: 'nightly-export', clientSecret: 'bench-secret-0123456789' }

export interface Size {
  /** Access tokens. */
  tokens: number
  /** API keys, ten for each person. */
  keys: number
  /** Teams that everybody is in, all granting the same. */
  teams: number
  /** Refresh tokens. */
  connections: number
}

/** What is asked about: spread over all there are. */
const asked = 1_000

/**
 * Fills a migrated database: an organization whose people have two permissions and two data scopes each, through every
 * team; access tokens and API keys among them; and refresh tokens.
 */
export async function seed(database: Database, size: Size): Promise<Seed> {
  const run = (text: string, values: unknown[] = []) => database.pool.query({ text, values })
  const users = Math.max(200, Math.ceil(size.keys / 10))
  await run(`insert into organizations (id, slug, name) values ('org_bench', 'acme', 'Acme Corporation')`)
  await run(`insert into users (id, email, name) select 'usr_' || i, 'person' || i || '@acme.test', 'Person ' || i
    from generate_series(0, ${users - 1}) i`)
  await run(`insert into memberships (id, organization_id, user_id, effective_permissions, effective_data_scopes)
    select 'mem_' || i, 'org_bench', 'usr_' || i, '["configuration-items:read","configuration-items:write"]',
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
  const refreshTokens = Array.from(
    { length: size.connections },
    (_, i) => `benchrefreshtoken${String(i).padStart(26, '0')}`,
  )
  for (const [i, token] of refreshTokens.entries()) await insertRefreshToken(database, token, i)
  await run('analyze')
  const step = Math.max(1, Math.floor(size.tokens / asked))
  const tokens = Array.from({ length: Math.min(asked, size.tokens) }, (_, i) => i * step).map(
    (i) => `benchaccesstoken${String(i).padStart(27, '0')}`,
  )
  return { tokens, keys, refreshTokens }
}

/** Most get a made-up hash; those that are asked about, evenly among them, that of a key. */
async function insertApiKeys({ pool }: Database, count: number): Promise<string[]> {
  const keys = Array.from({ length: Math.min(asked, count) }, () => newApiKey('gate'))
  const step = Math.max(1, Math.floor(count / asked))
  await pool.query({
    text: `insert into credentials (hash, format, kind, id, name, hint, user_id, organization_id, created_by, expires_at)
      select coalesce(decode(($1::json) ->> (case when i % ${step} = 0 then i / ${step} end)::int, 'hex'), sha256(convert_to('made up ' || i, 'UTF8'))), 'opaque',
        'api_key', 'key_' || i, 'key ' || i % 10, 'gate_usr_…', 'usr_' || i / 10, 'org_bench', 'usr_' || i / 10,
        now() + interval '90 days'
      from generate_series(0, ${count - 1}) i`,
    values: [JSON.stringify(keys.map((key) => sha256(key).toString('hex')))],
  })
  return keys
}

async function insertClients({ db }: Database): Promise<void> {
  const common = { resource: null, deactivatedAt: null, revision: 'bench', organizationId: null }
  await db
    .insertInto('clients')
    .values([
      {
        ...common,
        clientId: 'console',
        clientName: 'Console',
        firstParty: true,
        metadata: toJson({
          redirect_uris: ['http://localhost:8080/callback'],
          token_endpoint_auth_method: 'none',
          grant_types: ['authorization_code', 'refresh_token'],
        }),
      },
      {
        ...common,
        clientId: resourceServer.clientId,
        clientName: 'Inventory',
        resourceServer: true,
        resource: 'https://inventory.example',
        metadata: toJson({ redirect_uris: [], response_types: [], grant_types: ['client_credentials'] }),
      },
      {
        ...common,
        clientId: serviceAccount.clientId,
        clientName: 'Nightly export',
        organizationId: 'org_bench',
        permissions: '["configuration-items:read"]',
        metadata: toJson({ redirect_uris: [], response_types: [], grant_types: ['client_credentials'] }),
      },
    ])
    .execute()
  await db
    .insertInto('clientSecrets')
    .values(
      [resourceServer, serviceAccount].map(({ clientId, clientSecret }) => ({
        id: `sec_${clientId}`,
        clientId,
        hash: sha256(clientSecret),
        hint: null,
        expiresAt: null,
      })),
    )
    .execute()
}

async function insertRefreshToken({ db }: Database, token: string, index: number): Promise<void> {
  const now = Math.floor(Date.now() / 1000)
  const [userId, grantId] = [`usr_${index % 200}`, `grant_${index % 200}`]
  await db
    .insertInto('credentials')
    .values({
      hash: sha256(token),
      format: 'opaque',
      kind: 'refresh_token',
      id: `tok_refresh_${index}`,
      name: null,
      grantId,
      clientId: 'console',
      userId,
      organizationId: 'org_bench',
      scope: 'openid email',
      audience: null,
      payload: toJson({
        kind: 'RefreshToken',
        accountId: userId,
        clientId: 'console',
        grantId,
        gty: 'authorization_code',
        scope: 'openid email',
        rotations: 0,
        iat: now,
        iiat: now,
        exp: now + day / 1000,
        authTime: now,
      }),
      expiresAt: new Date(Date.now() + day),
      spentAt: null,
      revokedAt: null,
    })
    .execute()
}
