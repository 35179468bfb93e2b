import type { IncomingMessage, ServerResponse } from 'node:http'
import { recordDenial } from '#credentials/log/record-denial.ts'
import type { ReferenceTo } from '#credentials/resolve/credential.ts'
import { narrowedAuthorization } from '#credentials/resolve/narrowed-authorization.ts'
import { presentedCredential } from '#credentials/resolve/presented-credential.ts'
import type { LiveCredential, ResolveCredential } from '#credentials/resolve/resolution.ts'
import type { VerifyProxy } from '#foundation/config/config.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import type { DirectRouteOf } from '#foundation/http/direct-routes.ts'
import { sendProblem } from '#foundation/http/problem-details.ts'
import { directHeaders } from '#foundation/http/security-headers.ts'
import { coversScope, type DataScope, isDataScope } from '#foundation/values/data-scope.ts'
import { logPath, logText } from '#foundation/values/log-text.ts'
import { covers } from '#foundation/values/permission.ts'
import { authenticationRequired } from '#surfaces/api-kit/authenticated-caller.ts'
import { forwardedRequest } from './forwarded-request.ts'

export interface VerifyParts {
  issuer: string
  db: Queryable
  resolve: ResolveCredential
  referenceTo: ReferenceTo
  clientAddress: ClientAddress
  /** Which proxy asks, as the operator has said. */
  verifyProxy: VerifyProxy | undefined
}

const verifyPath = '/v1/auth/verify'

/** `path_prefix` of Envoy: the original request comes whole, with its own method, and its path behind this. */
const envoyPath = `${verifyPath}/envoy`

/** Any but those that no service answers: one that is echoed (TRACE), or opens a tunnel. */
const methodsOfEnvoy = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/**
 * `GET /v1/auth/verify`: introspection's decision for proxies (nginx `auth_request`, Traefik ForwardAuth, Envoy
 * ext_authz). 200 with X-Auth-* headers, 401, or 403 when `?permission=` or `?source=&scope_id=` asks for more. It fails
 * closed: a parameter or path that is none of these asks nothing, so it is refused and not allowed.
 */
export function verifyApi(parts: VerifyParts): (path: string) => DirectRouteOf | undefined {
  const headers = directHeaders(parts.issuer)
  const routeOf = (read: (request: IncomingMessage) => Asked): DirectRouteOf['answer'] =>
    async function verify(request: IncomingMessage, response: ServerResponse): Promise<void> {
      try {
        const found = await decide(parts, request, read(request))
        response.writeHead(200, ['Content-Length', '0', ...headers, ...found])
        response.end()
      } catch (error) {
        if (!(error instanceof GatehouseError)) throw error
        const { missing } = error.members
        sendProblem(response, error, missing ? [...headers, 'X-Auth-Denied', asciiJson(missing)] : headers)
      }
    }
  const itself = { methods: ['GET', 'HEAD'], answer: routeOf((request) => askedByProxy(request, parts.verifyProxy)) }
  const envoy = { methods: methodsOfEnvoy, answer: routeOf(askedByEnvoy) }
  return (path) => (path === verifyPath ? itself : path.startsWith(`${envoyPath}/`) ? envoy : undefined)
}

/** What a proxy wants to know, and about which request. */
interface Asked {
  permission: string | undefined
  scope: DataScope | undefined
  method: string | undefined
  path: string | undefined
  /** Where an API key may stand. */
  queries: URLSearchParams[]
}

const parameters = ['permission', 'source', 'scope_id', 'ApiKey']

function askedByProxy(request: IncomingMessage, proxy: VerifyProxy | undefined): Asked {
  const query = queryOf(request)
  if ([...query.keys()].some((name) => !parameters.includes(name))) {
    throw new GatehouseError('invalid_request', `only ${parameters.join(', ')} are known here`)
  }
  const { method, path, query: forwarded } = forwardedRequest(request.headers, proxy)
  return {
    permission: only(query, 'permission') ?? undefined,
    scope: scopeIn(query),
    method,
    path,
    queries: forwarded ? [query, forwarded] : [query],
  }
}

/** Behind our path stands another server's request: its query asks nothing of us. */
function askedByEnvoy(request: IncomingMessage): Asked {
  const path = request.url?.slice(envoyPath.length)
  return { permission: undefined, scope: undefined, method: request.method, path, queries: [queryOf(request)] }
}

/** @returns the headers that tell the proxy who it is, as a flat list */
async function decide(parts: VerifyParts, request: IncomingMessage, asked: Asked): Promise<string[]> {
  const presented = presentedCredential(request.headers, asked.queries)
  if (!presented) throw authenticationRequired()
  const use = {
    via: presented.via,
    ip: parts.clientAddress(request),
    userAgent: logText(request.headers['user-agent']),
    method: logText(asked.method, 16),
    path: logPath(asked.path),
  }
  const reference = await parts.referenceTo(presented.value)
  const resolution = await parts.resolve({ ...use, reference, caller: undefined })
  if (resolution.outcome !== 'accepted') throw authenticationRequired()
  const { credential, loggedAt } = resolution
  const rights = narrowedAuthorization(credential)
  const permissions = JSON.parse(rights.permissions) as string[]
  const dataScopes = JSON.parse(rights.dataScopes) as DataScope[]
  const missing = missingOf(asked, permissions, dataScopes)
  if (missing) {
    const reason = 'permission' in missing ? 'permission_missing' : 'data_scope_missing'
    await recordDenial(parts.db, { ...use, credentialId: credential.id, loggedAt }, reason)
    throw denied(missing)
  }
  return authHeaders(credential, permissions, dataScopes)
}

type Missing = { permission: string } | DataScope

function missingOf({ permission, scope }: Asked, permissions: string[], dataScopes: DataScope[]): Missing | undefined {
  if (permission && !permissions.some((granted) => covers(granted, permission))) return { permission }
  if (scope && !dataScopes.some((granted) => coversScope(granted, scope))) return scope
  return undefined
}

function denied(missing: Missing): GatehouseError {
  const what = 'permission' in missing ? `permission ${missing.permission}` : `data scope ${JSON.stringify(missing)}`
  return new GatehouseError('permission_denied', `Permission denied: the ${what} is missing.`, { members: { missing } })
}

function scopeIn(query: URLSearchParams): DataScope | undefined {
  const scope = { source: only(query, 'source'), scope_id: only(query, 'scope_id') }
  if (scope.source === null && scope.scope_id === null) return undefined
  if (!isDataScope(scope)) throw new GatehouseError('invalid_request', 'scope_id needs source')
  return scope
}

/** An empty parameter counts as absent: proxies fill templates. Given twice, either could be meant. */
function only(wanted: URLSearchParams, name: string): string | null {
  const [value, ...others] = wanted.getAll(name)
  if (others.length > 0) throw new GatehouseError('invalid_request', `the parameter ${name} is given twice`)
  return value || null
}

function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const start = url.indexOf('?')
  return new URLSearchParams(start < 0 ? '' : url.slice(start + 1))
}

function authHeaders(credential: LiveCredential, permissions: string[], dataScopes: DataScope[]): string[] {
  return [
    ...['X-Auth-Subject', credential.userId ?? credential.clientId ?? ''],
    ...['X-Auth-Organization', credential.organizationId ?? ''],
    ...['X-Auth-Permissions', permissions.join(',')],
    ...['X-Auth-Data-Scopes', asciiJson(dataScopes)],
  ]
}

/** JSON that a header can carry: everything beyond ASCII as \u escapes. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
