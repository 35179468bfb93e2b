import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { ReferenceTo } from '#credentials/resolve/credential.ts'
import { narrowedAuthorization } from '#credentials/resolve/narrowed-authorization.ts'
import { presentedCredential } from '#credentials/resolve/presented-credential.ts'
import type { LiveCredential, ResolveCredential } from '#credentials/resolve/resolve-credentials.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import type { DirectRouteOf } from '#foundation/http/direct-routes.ts'
import { sendProblem } from '#foundation/http/problem-details.ts'
import { directHeaders } from '#foundation/http/security-headers.ts'
import { coversScope, type DataScope, isDataScope } from '#foundation/values/data-scope.ts'
import { logText } from '#foundation/values/log-text.ts'
import { covers } from '#foundation/values/permission.ts'
import type { RouteDeclaration } from '#surfaces/api-kit/api-route.ts'
import { authenticationRequired } from '#surfaces/api-kit/authenticated-caller.ts'

export interface VerifyParts {
  issuer: string
  resolve: ResolveCredential
  referenceTo: ReferenceTo
  clientAddress: ClientAddress
}

/** For `/openapi.json`: the route itself is served in front of Koa. */
export const verifyRoute: RouteDeclaration = {
  name: 'verify',
  method: 'GET',
  path: '/v1/auth/verify',
  summary: 'Decide about a forwarded request',
  description:
    'For nginx auth_request, Traefik ForwardAuth and Envoy ext_authz. The answer says who it is in X-Auth-Subject, ' +
    'X-Auth-Organization, X-Auth-Permissions and X-Auth-Data-Scopes.',
  tags: ['Authentication'],
  credential: 'required',
  query: z.object({
    permission: z.string().optional(),
    source: z.string().optional(),
    scope_id: z.string().optional(),
  }),
  status: 200,
  errors: ['permission_denied'],
}

const verifyPath = '/v1/auth/verify'

/** Envoy asks with the original request's own method; one that is echoed (TRACE) is none of them. */
const methodsBehind = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/**
 * `GET /v1/auth/verify`: introspection's decision for proxies (nginx `auth_request`, Traefik ForwardAuth, Envoy
 * ext_authz). 200 with X-Auth-* headers, 401, or 403 when `?permission=` or `?source=&scope_id=` asks for more.
 */
export function verifyApi(parts: VerifyParts): (path: string) => DirectRouteOf | undefined {
  const headers = directHeaders(parts.issuer)
  async function verify(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const found = await answer(parts, request)
      response.writeHead(200, ['Content-Length', '0', ...headers, ...found])
      response.end()
    } catch (error) {
      if (!(error instanceof GatehouseError)) throw error
      sendProblem(response, error, headers)
    }
  }
  const itself = { methods: ['GET', 'HEAD'], answer: verify }
  const behind = { methods: methodsBehind, answer: verify }
  return (path) => (path === verifyPath ? itself : path.startsWith(`${verifyPath}/`) ? behind : undefined)
}

/** @returns the headers that tell the proxy who it is, as a flat list */
async function answer(parts: VerifyParts, request: IncomingMessage): Promise<string[]> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const behind = pathname.slice(verifyPath.length)
  const forwarded = behind ? { method: request.method, path: behind, query: undefined } : forwardedRequest(request)
  // Behind our path stands somebody else's request: its query asks nothing of us.
  const wanted = behind ? new URLSearchParams() : searchParams
  const presented = presentedCredential(
    request.headers,
    forwarded.query ? [searchParams, forwarded.query] : [searchParams],
  )
  if (!presented) throw authenticationRequired()
  const resolution = await parts.resolve({
    reference: await parts.referenceTo(presented.value),
    via: presented.via,
    caller: undefined,
    ip: parts.clientAddress(request),
    userAgent: logText(request.headers['user-agent']),
    method: logText(forwarded.method, 16),
    path: logText(forwarded.path, 1024),
  })
  if (resolution.outcome !== 'accepted') throw authenticationRequired()
  const rights = narrowedAuthorization(resolution)
  const permissions = JSON.parse(rights.permissions) as string[]
  const dataScopes = JSON.parse(rights.dataScopes) as DataScope[]
  if (!allows(wanted, permissions, dataScopes)) throw new GatehouseError('permission_denied', 'Permission denied')
  return authHeaders(resolution, permissions, dataScopes)
}

function allows(wanted: URLSearchParams, permissions: string[], dataScopes: DataScope[]): boolean {
  const permission = only(wanted, 'permission')
  if (permission && !permissions.some((granted) => covers(granted, permission))) return false
  const scope = { source: only(wanted, 'source'), scope_id: only(wanted, 'scope_id') }
  if (scope.source === null && scope.scope_id === null) return true
  if (!isDataScope(scope)) throw new GatehouseError('invalid_request', 'scope_id needs source')
  return dataScopes.some((granted) => coversScope(granted, scope))
}

/** An empty parameter counts as absent: proxies fill templates. Given twice, either could be meant. */
function only(wanted: URLSearchParams, name: string): string | null {
  const [value, ...others] = wanted.getAll(name)
  if (others.length > 0) throw new GatehouseError('invalid_request', `the parameter ${name} is given twice`)
  return value || null
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

/**
 * The request being authorized, as nginx (X-Original-*), Traefik (X-Forwarded-*) and an Envoy that rewrites paths tell it. Its query may carry the API key, so only the path is kept.
 */
function forwardedRequest({ headers }: IncomingMessage) {
  const header = (name: string) => (typeof headers[name] === 'string' ? (headers[name] as string) : undefined)
  const uri = header('x-original-uri') ?? header('x-forwarded-uri') ?? header('x-envoy-original-path')
  const [path, query] = uri?.split('?', 2) ?? []
  return {
    method: header('x-original-method') ?? header('x-forwarded-method'),
    path,
    query: query === undefined ? undefined : new URLSearchParams(query),
  }
}
