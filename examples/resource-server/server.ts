/**
 * An API protected by Gatehouse. For each request it asks, by token introspection (RFC 7662), who is calling, in which
 * organization, and what they may do and see at this moment. It decides nothing by itself and remembers nothing.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

const {
  ISSUER = 'http://localhost:3000',
  CLIENT_ID = 'inventory-api',
  CLIENT_SECRET = 'inventory-api-secret-for-the-example',
  PORT = '8090',
} = process.env

/** What introspection says of a live credential; `active: false` comes alone. */
interface Introspection {
  active: boolean
  token_kind: 'access_token' | 'refresh_token' | 'api_key'
  sub: string
  /** A person's e-mail address; a service account has none. */
  username?: string
  org_slug?: string
  permissions: string[]
  data_scopes: { source: string | null; scope_id: string | null }[]
}

const configurationItems = [
  { organization: 'acme', source: 'kubernetes', scope_id: 'prod-cluster', name: 'web-frontend' },
  { organization: 'acme', source: 'kubernetes', scope_id: 'test-cluster', name: 'web-frontend-test' },
  { organization: 'acme', source: 'proxmox', scope_id: 'node-1', name: 'build-machine' },
  { organization: 'acme', source: 'ceph', scope_id: 'backup', name: 'nightly-backups' },
  { organization: 'globex', source: 'kubernetes', scope_id: 'prod-cluster', name: 'globex-shop' },
]

const server = createServer(async (request, response) => {
  if (request.method !== 'GET' || pathOf(request) !== '/configuration-items') return answer(response, 404)
  const caller = await authenticate(request).catch((error: Error) => error)
  // No answer is no permission: a request that cannot be checked is not served.
  if (caller instanceof Error) {
    console.error(`introspection failed: ${caller.message}`)
    return answer(response, 503, { detail: 'Cannot check credentials now' }, { 'Retry-After': '5' })
  }
  if (!caller) return answer(response, 401, { detail: 'Authentication required' }, { 'WWW-Authenticate': 'Bearer' })
  if (!may(caller, 'configuration-items:read')) return answer(response, 403, { detail: 'Permission denied' })
  // No data scope is no row: an empty list, not an error.
  answer(response, 200, { items: configurationItems.filter((item) => sees(caller, item)) })
})
server.listen(Number(PORT), 'localhost', () => console.log(`resource server on http://localhost:${PORT}/`))

/** Who is calling; undefined without a usable credential. Throws when Gatehouse cannot be asked. */
async function authenticate(request: IncomingMessage): Promise<Introspection | undefined> {
  const token = presentedToken(request)
  if (!token) return undefined
  const response = await fetch(new URL('/oauth/introspect', ISSUER), {
    method: 'POST',
    headers: {
      Authorization: `Basic ${btoa(`${encodeURIComponent(CLIENT_ID)}:${encodeURIComponent(CLIENT_SECRET)}`)}`,
    },
    // All but `token` is for Gatehouse's authentication log: who used the credential, from where, for what.
    body: new URLSearchParams({
      token,
      ip: request.socket.remoteAddress ?? '',
      user_agent: request.headers['user-agent'] ?? '',
      method: request.method ?? '',
      path: pathOf(request),
    }),
    signal: AbortSignal.timeout(5_000),
  })
  // 401 here means that this server's own secret is wrong, and says nothing about the token.
  if (!response.ok) throw new Error(`introspection answered ${response.status}`)
  const introspection = (await response.json()) as Introspection
  // A refresh token is for the token endpoint; introspection knows it, an API must not take it.
  return introspection.active && introspection.token_kind !== 'refresh_token' ? introspection : undefined
}

function presentedToken({ headers }: IncomingMessage): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  const apiKey = headers['x-api-key']
  return bearer ?? (typeof apiKey === 'string' ? apiKey : undefined)
}

/** `configuration-items:*` and `*` are granted too, and arrive as they are. */
function may({ permissions }: Introspection, permission: string): boolean {
  const [resource] = permission.split(':')
  return [permission, `${resource}:*`, '*'].some((granted) => permissions.includes(granted))
}

/** The caller's organization first; then null in a data scope means all. */
function sees(caller: Introspection, item: (typeof configurationItems)[number]): boolean {
  if (item.organization !== caller.org_slug) return false
  return caller.data_scopes.some(
    ({ source, scope_id }) =>
      (source === null || source === item.source) && (scope_id === null || scope_id === item.scope_id),
  )
}

/** Without the query, which may carry secrets. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/'
}

function answer(response: ServerResponse, status: number, body: unknown = {}, headers: Record<string, string> = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers })
  response.end(`${JSON.stringify(body, null, 2)}\n`)
}
