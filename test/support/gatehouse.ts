import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { applySetup } from '#authentication/setup/apply-setup.ts'
import type { ResolveTxt } from '#directory/organizations/verify-domain.ts'
import type { Config } from '#foundation/config/config.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { createLog } from '#foundation/log/log.ts'
import { parseSetupFile } from '#surfaces/setup/setup-file.ts'
import { startServer } from '../../src/server.ts'
import { createTestDatabase, type DatabaseKind } from './databases.ts'
import { requireDescribed } from './described-answers.ts'
import { freePort } from './free-port.ts'

export const password = 'correct horse battery staple'
export const resourceServer = { clientId: 'inventory-api', clientSecret: 'inventory-api-secret-0123456789' }
export const jwtResourceServer = { clientId: 'reports-api', clientSecret: 'reports-api-secret-0123456789' }
export const serviceAccount = { clientId: 'nightly-export', clientSecret: 'nightly-export-secret-0123456789' }
export const confidentialClient = { clientId: 'webapp', clientSecret: 'webapp-secret-0123456789' }
export const redirectUri = 'http://localhost:8080/callback'

/** What the tests sign in to: one person with two organizations, one with one, one with none, and a superadmin. */
export const setup = `
permissions:
  - { name: "configuration-items:read", description: See configuration items }
  - { name: "configuration-items:write" }
  - { name: "reports:read", description: Read reports }
resource_servers:
  - { client_id: inventory-api, client_secret: ${resourceServer.clientSecret}, resource: "https://inventory.example" }
  - { client_id: reports-api, client_secret: ${jwtResourceServer.clientSecret}, resource: "https://reports.example", access_token_format: jwt }
clients:
  - client_id: console
    client_name: Console
    first_party: true
    redirect_uris: [${redirectUri}]
    post_logout_redirect_uris: ["http://localhost:8080/"]
    token_endpoint_auth_method: none
    grant_types: [authorization_code, refresh_token]
  - client_id: webapp
    client_name: Web application
    client_secret: ${confidentialClient.clientSecret}
    redirect_uris: [${redirectUri}]
    grant_types: [authorization_code, refresh_token]
  - client_id: tv
    client_name: Television
    application_type: native
    token_endpoint_auth_method: none
    first_party: true
    grant_types: ["urn:ietf:params:oauth:grant-type:device_code", refresh_token]
  - client_id: nightly-export
    client_secret: ${serviceAccount.clientSecret}
    grant_types: [client_credentials]
    organization: acme
    permissions: ["configuration-items:read"]
    data_scopes: [{ source: ceph, scope_id: null }]
users:
  - { email: root@example.test, name: Root, password: "${password}", superadmin: true }
  - { email: ada@acme.test, name: Ada, password: "${password}" }
  - { email: grace@globex.test, name: Grace, password: "${password}" }
  - { email: nobody@example.test, name: Noor, password: "${password}" }
organizations:
  - slug: acme
    name: Acme Corporation
    domains: [acme.test]
    teams:
      - name: readers
        permissions: ["configuration-items:read"]
        data_scopes: [{ source: kubernetes, scope_id: prod-cluster }]
      - { name: writers, permissions: ["configuration-items:write"] }
    members:
      - email: ada@acme.test
        admin: true
        teams: [readers, writers]
        data_scopes: [{ source: proxmox, scope_id: null }]
  - slug: globex
    name: Globex
    teams:
      - { name: auditors, permissions: ["reports:read"], data_scopes: [{ source: null, scope_id: null }] }
    members:
      - { email: ada@acme.test, teams: [auditors] }
      - { email: grace@globex.test, admin: true, teams: [] }
`

/** A running server, with a database of its own and the setup above. */
export type Gatehouse = Awaited<ReturnType<typeof startGatehouse>>

/** Starts the real server in this process. `logLines` is what it logged. */
export async function startGatehouse(
  options: {
    database?: DatabaseKind
    redisUrl?: string
    setup?: string
    config?: Partial<Config>
    resolveTxt?: ResolveTxt
  } = {},
) {
  const testDatabase = await createTestDatabase(options.database)
  const port = await freePort()
  const config = testConfig({ ...options.config, port, ...testDatabase, redisUrl: options.redisUrl })
  const logLines: string[] = []
  const log = createLog('info', { write: (line: string) => void logLines.push(line) })
  const server = await startServer(config, { log, environment: {}, resolveTxt: options.resolveTxt })
  const apply = (text: string) =>
    applySetup(server.database.db, parseSetupFile(text, 'test.yaml'), {
      actor: { system: 'setup_file', name: 'apply' },
      encryption: encryptionWith(config.encryptionKeys),
      outboundAllowedHosts: config.outboundAllowedHosts,
    })
  await apply(options.setup ?? setup)
  return {
    url: server.url,
    config,
    database: server.database,
    logLines,
    apply,
    makeFirstSuperadminLink: server.makeFirstSuperadminLink,
    async stop() {
      await server.stop()
      await testDatabase.drop()
    },
    /** The raw answer of the introspection endpoint. */
    introspect: (token: string, more: Record<string, string> = {}, caller = resourceServer) =>
      introspect(server.url, token, more, caller),
  }
}

/** A second node on the same stores, which listens on `port` and goes by the first one's name. */
export async function startAnotherNode(gatehouse: Gatehouse) {
  const port = await freePort()
  const server = await startServer({ ...gatehouse.config, port }, { log: pino({ level: 'silent' }), environment: {} })
  return { ...server, port }
}

export function testConfig(overrides: Partial<Config> & { port: number; dataDir: string }): Config {
  return {
    production: false,
    host: '127.0.0.1',
    issuer: `http://localhost:${overrides.port}`,
    databaseUrl: undefined,
    redisUrl: undefined,
    setupFile: undefined,
    encryptionKeys: [randomBytes(32)],
    smtpUrl: undefined,
    mailFrom: undefined,
    workers: 1,
    trustedProxies: undefined,
    verifyProxy: undefined,
    outboundAllowedHosts: [],
    signUp: 'closed',
    sessionSeconds: 86_400,
    logRetentionDays: 365,
    auditRetentionDays: undefined,
    apiKeyPrefix: 'gate',
    logLevel: 'info',
    demo: false,
    ...overrides,
  }
}

export function basic({ clientId, clientSecret }: { clientId: string; clientSecret: string }): string {
  return `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
}

export async function introspect(
  url: string,
  token: string,
  more: Record<string, string> = {},
  caller = resourceServer,
): Promise<{ status: number; text: string; json: Record<string, unknown>; headers: Headers }> {
  const response = await fetch(`${url}/oauth/introspect`, {
    method: 'POST',
    headers: { authorization: basic(caller) },
    body: new URLSearchParams({ token, ...more }),
  })
  const text = await response.text()
  const answer = { status: response.status, headers: Object.fromEntries(response.headers), text }
  await requireDescribed(Number(new URL(url).port), { method: 'POST', path: '/oauth/introspect', ...answer })
  return { status: response.status, text, json: JSON.parse(text), headers: response.headers }
}
