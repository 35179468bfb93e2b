import type Koa from 'koa'
import mount from 'koa-mount'
import type { Logger } from 'pino'
import type { ReferenceTo } from '#credentials/resolve/credential.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import { readBody } from '#foundation/http/read-body.ts'
import { allowFormTargets } from '#foundation/http/security-headers.ts'
import type { CurrentProvider } from '#protocol/provider/current-provider.ts'
import { userinfoLog } from '#protocol/provider/log-token-use.ts'
import { formTargetsOf } from '#protocol/provider/page-sources.ts'
import { routes } from '#protocol/provider/provider.ts'
import { acceptJwtForRevocation } from '#protocol/provider/revoke-jwt.ts'
import { revokeGrantsOnSignOut } from '#protocol/provider/sign-out.ts'
import { tokenRequest } from '#protocol/provider/token-request.ts'
import type { UpstreamSignOut } from '#protocol/provider/upstream-sign-out.ts'

interface ProviderRoutes {
  db: Queryable
  referenceTo: ReferenceTo
  current: CurrentProvider
  requestTransaction: RequestTransaction
  encryption: Encryption
  log: Logger
  upstreamSignOut: UpstreamSignOut
}

/** oidc-provider mounted last, with what its endpoints need around them. */
export function providerRoutes(parts: ProviderRoutes): Koa.Middleware {
  const { current, requestTransaction, encryption, log, upstreamSignOut } = parts
  const around: Record<string, Koa.Middleware[]> = {
    'POST /oauth/token': [tokenRequest({ requestTransaction, encryption })],
    'GET /oauth/userinfo': [userinfoLog(parts)],
    'POST /oauth/userinfo': [userinfoLog(parts)],
    'POST /oauth/revoke': [
      acceptJwtForRevocation(() => current.verifyJwt),
      (_ctx, next) => requestTransaction.run(() => next()),
    ],
    'POST /oauth/logout/confirm': [revokeGrantsOnSignOut(requestTransaction, log, upstreamSignOut)],
  }
  /** Where scopes are asked for, a permission that was added a moment ago must be known. */
  const asksForScopes = new Set(['/oauth/authorize', '/oauth/par', '/oauth/device_authorization'])
  const mounted = new WeakMap<object, Koa.Middleware>()

  function library(): Koa.Middleware {
    const provider = current.provider()
    let middleware = mounted.get(provider)
    if (!middleware) {
      middleware = mount(provider as unknown as Koa)
      // The library answers its own failures, so nobody else would ever see what they were.
      provider.on('server_error', ({ state: { requestId } }, error) =>
        log.error({ err: error, requestId }, 'request failed'),
      )
      mounted.set(provider, middleware)
    }
    return middleware
  }

  return async (ctx, next) => {
    if (isOtherSpelling(ctx.path) || ctx.path === routes.introspection) return next()
    if (asksForScopes.has(ctx.path)) await current.refresh()
    const layers = [...bodyFirst(ctx), ...(around[`${ctx.method} ${ctx.path}`] ?? [])]
    const respond = async () => {
      await library()(ctx, next)
      allowFormTargets(ctx, formTargetsOf(ctx))
    }
    await layers.reduceRight<Koa.Next>((inner, layer) => async () => layer(ctx, inner), respond)()
  }
}

/**
 * The library's router takes `/OAUTH/token` and `/oauth/token/` for `/oauth/token`: there it would answer without what
 * stands around its endpoints here.
 */
function isOtherSpelling(path: string): boolean {
  const plain = path.toLowerCase()
  return (
    Object.values(routes).some((route) => plain.startsWith(route) && !path.startsWith(route)) ||
    (path.endsWith('/') && path !== '/')
  )
}

/** Where programs post rather than browsers. */
const postedToByClients: readonly string[] = [
  routes.token,
  routes.revocation,
  routes.pushed_authorization_request,
  routes.device_authorization,
]

/** The body is read by our rules, which the library's own reading lacks. */
function bodyFirst({ method, path }: Koa.Context): Koa.Middleware[] {
  if (method !== 'POST') return []
  return postedToByClients.includes(path) ? [inWordsOfOAuth, bodyRead] : [bodyRead]
}

const bodyRead: Koa.Middleware = async (ctx, next) => {
  await readBody(ctx.req)
  await next()
}

/** OAuth clients read `error` (RFC 6749 §5.2), whoever it is that cannot read their request. */
const inWordsOfOAuth: Koa.Middleware = async (ctx, next) => {
  try {
    await next()
  } catch (error) {
    if (!(error instanceof GatehouseError) || statusOfCode[error.code] >= 500) throw error
    ctx.status = statusOfCode[error.code]
    ctx.body = { error: 'invalid_request', error_description: error.message }
  }
}
