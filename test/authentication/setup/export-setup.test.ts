import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { exportSetup } from '#authentication/setup/export-setup.ts'
import { setupShape } from '#authentication/setup/setup.ts'
import { openDatabase } from '#foundation/database/database.ts'
import { environmentOf, runGatehouse } from '#support/command-line.ts'
import { availableDatabases, createTestDatabase, type TestDatabase } from '#support/databases.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'

const hash = '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$iFYFbd6+YgSpBS95zKSeCiqMI6RfgwXfibpMk5AbxQY'
const jwk = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
}

/** Every key that a setup file has, but those that `neverExported` explains. */
const everything = {
  permissions: [
    { name: 'items:read', description: 'See items: all, "quoted"\nand on two lines' },
    { name: 'items:write' },
  ],
  resource_servers: [
    { client_id: 'api', client_name: 'API', client_secret_env: 'ANY_SECRET', resource: 'https://api.example' },
    {
      client_id: 'jwt-api',
      resource: 'https://jwt.example',
      access_token_format: 'jwt',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [jwk] },
    },
  ],
  clients: [
    {
      client_id: 'app',
      client_name: 'Appli: cation # 1',
      first_party: true,
      client_secret_env: 'ANY_SECRET',
      redirect_uris: ['https://app.example/callback', 'http://localhost:8080/callback'],
      post_logout_redirect_uris: ['https://app.example/'],
      backchannel_logout_uri: 'https://app.example/logout',
      backchannel_logout_session_required: true,
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'web',
      scope: 'openid items:read',
      client_uri: 'https://app.example',
      logo_uri: 'https://app.example/logo.png',
      policy_uri: 'https://app.example/policy',
      tos_uri: 'https://app.example/tos',
      contacts: ['ops@app.example'],
      description: 'For everybody: "quoted", # and all',
      default_max_age: 3600,
      require_auth_time: true,
      require_pushed_authorization_requests: true,
      id_token_signed_response_alg: 'ES256',
    },
    { client_id: 'app.', client_secret_env: 'ANY_SECRET', redirect_uris: ['https://two.example/'], active: false },
    { client_id: 'spa', redirect_uris: ['https://spa.example/'], token_endpoint_auth_method: 'none' },
    {
      client_id: 'nightly',
      client_secret_env: 'ANY_SECRET',
      grant_types: ['client_credentials'],
      organization: 'acme',
      permissions: ['items:read'],
      data_scopes: [{ source: 'ceph', scope_id: null }],
    },
  ],
  users: [
    { email: 'root@example.test', name: 'Root', password_hash: hash, superadmin: true },
    { email: 'Ada@acme.test', name: 'Ada "the" Lovelace: #1' },
    { email: 'off@acme.test', name: 'null', active: false },
  ],
  organizations: [
    {
      slug: 'acme',
      name: 'Acme Corporation',
      branding: { logo_url: 'https://acme.test/logo.svg', accent_color: '#0b7285' },
      domains: ['acme.test', 'acme.example'],
      join_by_domain: true,
      default_locale: 'de',
      teams: [
        { name: 'readers', permissions: ['items:*'], data_scopes: [{ source: 'kubernetes', scope_id: 'prod' }] },
        { name: 'Writers' },
      ],
      members: [
        {
          email: 'ada@acme.test',
          admin: true,
          teams: ['readers', 'Writers'],
          permissions: ['*'],
          data_scopes: [{ source: null, scope_id: null }],
        },
        { email: 'off@acme.test', active: false },
      ],
      connections: [
        {
          name: 'okta',
          type: 'oidc',
          display_name: 'Okta',
          issuer: 'https://idp.example',
          client_id: 'gatehouse',
          client_secret_env: 'ANY_SECRET',
          jit: false,
          default_teams: ['readers'],
          group_claim: 'groups',
          group_teams: { sre: 'Writers', admins: 'readers' },
          required: true,
          sign_out: true,
          enabled: false,
        },
      ],
    },
    { slug: 'suspended', name: 'Suspended', active: false },
  ],
  connections: [{ name: 'github', type: 'github', client_id: 'a', client_secret_env: 'ANY_SECRET', jit: true }],
}

/** What a file says of itself or in another way, not of the state: */
const neverExported = [
  'adopt', // takes over what others made
  'exclusive', // says what the file's lists are
  'password', // only the hash is known
  'password_env',
  'client_secret', // a name stands for it
  'resource_server', // said by the list
]

describe.each(availableDatabases())('an export, on %s,', (kind) => {
  let directory: string
  let file: string
  const databases: TestDatabase[] = []
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-export-'))
    file = join(directory, 'gatehouse.yaml')
  })
  afterAll(async () => {
    rmSync(directory, { recursive: true })
    for (const database of databases) await database.drop()
  })

  async function emptyDeployment(): Promise<NodeJS.ProcessEnv> {
    const database = await createTestDatabase(kind)
    databases.push(database)
    const { databaseUrl, dataDir } = database
    const ENCRYPTION_KEYS = randomBytes(32).toString('base64')
    return { DATA_DIR: dataDir, ENCRYPTION_KEYS, ...(databaseUrl && { DATABASE_URL: databaseUrl }) }
  }

  test('makes the same of an empty deployment, which is exported as the same text', async () => {
    const first = await emptyDeployment()
    writeFileSync(file, JSON.stringify(everything))
    const secret = 'a-secret-that-is-not-shown'
    expect(await runGatehouse(['apply', '-f', file], { ...first, ANY_SECRET: secret })).toMatchObject({ status: 0 })
    const exported = await runGatehouse(['export', '--with-password-hashes'], first)
    expect(exported.status).toBe(0)
    expect(exported.stdout).not.toContain(secret)
    const names = ['API_SECRET', 'APP_SECRET', 'APP_SECRET_2', 'NIGHTLY_SECRET', 'ACME_OKTA_SECRET', 'GITHUB_SECRET']
    expect(exported.stderr).toBe(`Set where it is applied: ${names.join(', ')}\n`)

    const second = await emptyDeployment()
    writeFileSync(file, exported.stdout)
    const environment = { ...second, ...Object.fromEntries(names.map((name) => [name, secret])) }
    expect(await runGatehouse(['apply', '-f', file], environment)).toMatchObject({ status: 0, stderr: '' })
    expect((await runGatehouse(['export', '--with-password-hashes'], second)).stdout).toBe(exported.stdout)
    // And the deployment that it came from is as it says.
    const there = { ...first, ...environment, ...first }
    expect((await runGatehouse(['apply', '-f', file], there)).stdout).toBe('No changes.\n')

    expect(parse((await runGatehouse(['export', '--json'], second)).stdout)).toEqual(
      parse(exported.stdout.replace(/^.*password_hash:.*\n/m, '')),
    )
    expect(missingKeys(parse(exported.stdout))).toEqual([])
  })

  test('of an empty deployment is an empty file', async () => {
    expect(await runGatehouse(['export'], await emptyDeployment())).toEqual({ status: 0, stdout: '', stderr: '' })
  })
})

test('an export leaves out who never proved their address, and what only people with the database may see', async () => {
  const gatehouse: Gatehouse = await startGatehouse()
  const { db } = gatehouse.database
  await db.updateTable('users').set({ emailVerifiedAt: null }).where('email', '=', 'grace@globex.test').execute()
  const { stdout, stderr } = await runGatehouse(['export'], environmentOf(gatehouse))
  await gatehouse.stop()
  expect(stdout).not.toContain('grace@globex.test')
  expect(stdout).not.toContain('argon2id')
  // Gatehouse's own client is written by every start.
  expect(stdout).not.toContain('/account/signed-in')
  expect(stderr).toContain('Left out: 1 accounts whose address was never verified')
  expect(Object.keys(parse(stdout).organizations[0])).toEqual(['slug', 'name', 'domains', 'teams', 'members'])
})

test('a list that is streamed comes from one snapshot, a thousand rows at a time', async () => {
  const created = await createTestDatabase()
  const database = await openDatabase({ ...created, onError: console.error })
  await database.db
    .insertInto('users')
    .values(
      Array.from({ length: 2_500 }, (_, index) => {
        const email = `person-${index}@many.test`
        return {
          id: `usr_${index}`,
          email,
          name: email,
          emailVerifiedAt: new Date(),
          passwordHash: null,
          passwordChangedAt: null,
          deactivatedAt: null,
        }
      }),
    )
    .execute()
  const emails = await database.db.transaction().execute(async (tx) => {
    const found: string[] = []
    const options = { passwordHashes: false, onSecret: () => {} }
    for await (const user of exportSetup(tx, options).users) found.push((user as { email: string }).email)
    return found
  })
  await database.close()
  await created.drop()
  expect(emails).toHaveLength(2_500)
  expect(emails).toEqual(emails.toSorted())
})

/** Keys of the schema that an export of `everything` lacks, each with the list that it belongs to. */
function missingKeys(exported: unknown): string[] {
  return keysOf(setupShape, '').filter((path) => {
    const last = path.split('.').at(-1)!
    return !neverExported.includes(last) && !has(exported, path.split('.'))
  })
}

interface Definition {
  innerType?: unknown
  element?: unknown
  shape?: Record<string, unknown>
}

function keysOf(shape: unknown, path: string): string[] {
  const { innerType, element, shape: members } = (shape as { _zod: { def: Definition } })._zod.def
  const inside = innerType ?? element
  if (inside) return keysOf(inside, path)
  return Object.entries(members ?? {}).flatMap(([key, value]) => {
    const at = path === '' ? key : `${path}.${key}`
    return [at, ...keysOf(value, at)]
  })
}

/** In any entry of the lists on the way; clients and resource servers have the same keys. */
function has(value: unknown, [key, ...rest]: string[]): boolean {
  if (key === undefined) return value !== undefined
  if (Array.isArray(value)) return value.some((one) => has(one, [key, ...rest]))
  if (typeof value !== 'object' || value === null) return false
  const inside = key in pools ? pools[key]!(value as Exported) : (value as Record<string, unknown>)[key]
  return has(inside, rest)
}

interface Exported {
  clients?: unknown[]
  resource_servers?: unknown[]
  connections?: unknown[]
  organizations?: { connections?: unknown[] }[]
}

/** Lists whose entries have the same keys. */
const pools: Record<string, (exported: Exported) => unknown[]> = {
  clients: clientsOf,
  resource_servers: clientsOf,
  connections: ({ connections = [], organizations = [] }) => [
    ...connections,
    ...organizations.flatMap((organization) => organization.connections ?? []),
  ],
}

function clientsOf({ clients = [], resource_servers = [] }: Exported): unknown[] {
  return [...clients, ...resource_servers]
}
