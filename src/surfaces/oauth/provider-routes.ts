import type Koa from 'koa'
import type { Logger } from 'pino'
import type { ReferenceTo } from '#credentials/resolve/credential.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { FailureLimit } from '#foundation/http/failure-limit.ts'
import { headersOfError, statusOfCode } from '#foundation/http/problem-details.ts'
import type { CreateRateLimit } from '#foundation/http/rate-limit.ts'
import { readBody } from '#foundation/http/read-body.ts'
import { requestIdOf } from '#foundation/http/request-state.ts'
import type { Route, RouteHandler } from '#foundation/http/router.ts'
import { allowFormTargets } from '#foundation/http/security-headers.ts'
import { pollSeconds } from '#protocol/library/device-polling.ts'
import type { CurrentProvider } from '#protocol/provider/current-provider.ts'
import { userinfoLog } from '#protocol/provider/log-token-use.ts'
import { formTargetsOf } from '#protocol/provider/page-sources.ts'
import { routes } from '#protocol/provider/provider.ts'
import { revocationRequest } from '#protocol/provider/revocation-request.ts'
import { revokeGrantsOnSignOut } from '#protocol/provider/sign-out.ts'
import { type TokenRequestParts, tokenRequest } from '#protocol/provider/token-request.ts'
import type { UpstreamSignOut } from '#protocol/provider/upstream-sign-out.ts'
import { limitPublicClients, limitUserCodes, limitWrongSecrets } from './client-limits.ts'
import { repeatAsGet } from './repeat-as-get.ts'

interface ProviderRoutes extends TokenRequestParts {
  referenceTo: ReferenceTo
  current: CurrentProvider
  requestTransaction: RequestTransaction
  log: Logger
  upstreamSignOut: UpstreamSignOut
  createRateLimit: CreateRateLimit
  wrongSecrets: FailureLimit
}

/**
 * The endpoints that oidc-provider answers, with what they need around them. Only these reach it: its own router takes
 * `/OAUTH/token` and `/oauth/token/` for `/oauth/token`, and would answer there without what stands around it here.
 */
export function providerRoutes(parts: ProviderRoutes): Route[] {
  const { current, requestTransaction, log, upstreamSignOut, createRateLimit, wrongSecrets } = parts
  const library = providerCallback(current, log)
  const around = (...layers: Koa.Middleware[]): RouteHandler => {
    const outer = inTurn(layers)
    return (ctx) => outer(ctx, () => library(ctx))
  }
  /** Where scopes are asked for, a permission that was added a moment ago must be known. */
  const scopesKnown: Koa.Middleware = async (_ctx, next) => {
    await current.refresh()
    await next()
  }
  const plain = around()
  const withEffects = (...layers: Koa.Middleware[]) => around(noHead, ...layers)
  const secretsLimited = limitWrongSecrets(wrongSecrets)
  const publicLimited = limitPublicClients(createRateLimit)
  const fromClients = (...layers: Koa.Middleware[]) => around(inWordsOfOAuth, bodyRead, secretsLimited, ...layers)
  const toScripts = (path: string): Route => ['OPTIONS', path, plain]
  return [
    ['GET', '/.well-known/openid-configuration', plain],
    toScripts('/.well-known/openid-configuration'),
    ['GET', '/.well-known/oauth-authorization-server', plain],
    toScripts('/.well-known/oauth-authorization-server'),
    ['GET', routes.jwks, plain],
    toScripts(routes.jwks),
    ['GET', routes.authorization, withEffects(scopesKnown)],
    ['POST', routes.authorization, repeatAsGet],
    ['GET', `${routes.authorization}/:uid`, withEffects()],
    [
      'POST',
      routes.pushed_authorization_request,
      around(inWordsOfOAuth, shortBodyRead, secretsLimited, publicLimited, scopesKnown),
    ],
    toScripts(routes.pushed_authorization_request),
    ['POST', routes.token, fromClients(tokenRequest(parts, library))],
    toScripts(routes.token),
    ['GET', routes.userinfo, around(userinfoLog(parts))],
    ['POST', routes.userinfo, around(bodyRead, userinfoLog(parts))],
    toScripts(routes.userinfo),
    [
      'POST',
      routes.revocation,
      fromClients(revocationRequest({ requestTransaction, verifyJwt: () => current.verifyJwt })),
    ],
    toScripts(routes.revocation),
    ['POST', routes.device_authorization, fromClients(publicLimited, scopesKnown, tellInterval)],
    toScripts(routes.device_authorization),
    ['GET', routes.code_verification, plain],
    ['POST', routes.code_verification, around(bodyRead, limitUserCodes(createRateLimit))],
    ['GET', `${routes.code_verification}/:uid`, withEffects()],
    ['GET', routes.end_session, plain],
    ['POST', routes.end_session, repeatAsGet],
    [
      'POST',
      `${routes.end_session}/confirm`,
      around(bodyRead, revokeGrantsOnSignOut(requestTransaction, log, upstreamSignOut)),
    ],
    ['GET', `${routes.end_session}/success`, plain],
  ]
}

/** The provider as it is now, which is built anew when its keys or scopes change. */
function providerCallback(current: CurrentProvider, log: Logger): (ctx: Koa.Context) => Promise<void> {
  const mounted = new WeakMap<object, Koa.Middleware>()

  function library(): Koa.Middleware {
    const provider = current.provider()
    let middleware = mounted.get(provider)
    if (!middleware) {
      middleware = inTurn((provider as unknown as Koa).middleware)
      // The library answers its own failures, so their causes would be seen nowhere else.
      provider.on('server_error', (ctx, error) => {
        if (error instanceof GatehouseError) ctx.set(headersOfError(error))
        else log.error({ err: error, requestId: requestIdOf(ctx) }, 'request failed')
      })
      mounted.set(provider, middleware)
    }
    return middleware
  }

  return async (ctx) => {
    await library()(ctx, async () => {})
    allowFormTargets(ctx, formTargetsOf(ctx))
  }
}

/** Each layer around the next, as Koa runs them. */
function inTurn(layers: readonly Koa.Middleware[]): Koa.Middleware {
  return (ctx, next) => layers.reduceRight<Koa.Next>((inner, layer) => async () => layer(ctx, inner), next)()
}

/** The library leaves it to the device to know how often it may ask (RFC 8628 §3.2). */
const tellInterval: Koa.Middleware = async (ctx, next) => {
  await next()
  if (ctx.status === 200) Object.assign(ctx.body as object, { interval: pollSeconds })
}

/** HEAD is safe (RFC 9110 §9.2.1): it issues no code, and ends nothing that a GET would use up. */
const noHead: Koa.Middleware = async (ctx, next) => {
  if (ctx.method === 'HEAD') {
    ctx.set('Allow', ctx.path === routes.authorization ? 'GET, POST' : 'GET')
    throw new GatehouseError('method_not_allowed', 'This address is for browsers.')
  }
  await next()
}

/** The body is read by our rules, which the library's own reading lacks. */
const bodyRead: Koa.Middleware = async (ctx, next) => {
  await readBody(ctx.req)
  await next()
}

/** A pushed request is kept, and a public client proves nothing to push one. */
const shortBodyRead: Koa.Middleware = async (ctx, next) => {
  await readBody(ctx.req, 16_384)
  await next()
}

/** OAuth clients read `error` (RFC 6749 §5.2), also where it is not the library that refuses their request. */
const inWordsOfOAuth: Koa.Middleware = async (ctx, next) => {
  try {
    await next()
  } catch (error) {
    if (!(error instanceof GatehouseError) || statusOfCode[error.code] >= 500) throw error
    ctx.status = statusOfCode[error.code]
    ctx.set(headersOfError(error))
    const code = error.code === 'too_many_requests' ? 'temporarily_unavailable' : 'invalid_request'
    ctx.body = { error: code, error_description: error.message }
  }
}
