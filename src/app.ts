import type { IncomingMessage, ServerResponse } from 'node:http'
import Koa from 'koa'
import type { Logger } from 'pino'
import { accountPages } from './account/account-pages.ts'
import { signedInUsers } from './account/signed-in-user.ts'
import { adminPages } from './admin/admin-pages.ts'
import { apiKeyApi } from './api-keys/api-key-api.ts'
import { authenticationLogApi } from './authentication-log/authentication-log-api.ts'
import type { Config } from './config.ts'
import { connectionApi } from './connections/connection-api.ts'
import type { UpstreamTransactions } from './connections/upstream-transactions.ts'
import type { Upstreams } from './connections/upstreams.ts'
import type { CallerAuthentication } from './credentials/authenticate-caller.ts'
import { callerRequirement } from './credentials/authenticated-caller.ts'
import type { ReferenceTo } from './credentials/credential.ts'
import { introspectionApi } from './credentials/introspection-api.ts'
import type { ResolveCredential } from './credentials/resolve-credentials.ts'
import { isVerifyPath, verifyApi, verifyRoute } from './credentials/verify-api.ts'
import type { Encryption } from './crypto/encryption.ts'
import type { Queryable } from './database/database.ts'
import type { RequestDatabase } from './database/request-transaction.ts'
import type { Demo } from './demo/demo-pages.ts'
import { homePage } from './home-page.ts'
import { type ApiRoute, apiRoutes } from './http/api-route.ts'
import type { Assets } from './http/assets.ts'
import type { ClientAddress } from './http/client-address.ts'
import type { Csrf } from './http/csrf.ts'
import { healthPages, type Readiness } from './http/health-pages.ts'
import { hostGuard } from './http/host-guard.ts'
import { openApi } from './http/openapi.ts'
import type { Fetch } from './http/outbound-fetch.ts'
import type { CreateRateLimit } from './http/rate-limit.ts'
import type { Render } from './http/render.ts'
import { requestLog } from './http/request-log.ts'
import { respondToErrors } from './http/respond-to-errors.ts'
import { securityHeaders } from './http/security-headers.ts'
import { connectionCallbackPages } from './interaction/connection-callback.ts'
import { interactionPages } from './interaction/interaction-pages.ts'
import type { KnownBrowser } from './interaction/known-browser.ts'
import type { MailOutbox } from './mail/outbox.ts'
import type { CurrentProvider } from './oidc/current-provider.ts'
import { installInteractionCookies } from './oidc/interaction-cookies.ts'
import { providerRoutes } from './oidc/provider-routes.ts'
import type { UpstreamSignOut } from './oidc/upstream-sign-out.ts'
import { discoverApi } from './organizations/discover-api.ts'
import type { DiscoverOrganizations } from './organizations/discover-organizations.ts'
import { domainApi } from './organizations/domain-api.ts'
import { invitationPages } from './organizations/invitation-pages.ts'
import { organizationPages } from './organizations/organization-pages.ts'
import type { ResolveTxt } from './organizations/verify-domain.ts'
import type { AuthenticateWithPassword } from './passwords/authenticate-with-password.ts'
import { directAuthenticationApi } from './passwords/direct-authentication-api.ts'
import { accountLifePages } from './users/account-life-pages.ts'
import type { MailRequestLimit } from './users/mail-request-limit.ts'
import { meApi } from './users/me-api.ts'

export interface AppParts {
  issuer: string
  log: Logger
  db: Queryable
  database: RequestDatabase
  encryption: Encryption
  outboundFetch: Fetch
  outboundAllowedHosts: readonly string[]
  upstreams: Upstreams
  upstreamTransactions: UpstreamTransactions
  upstreamSignOut: UpstreamSignOut
  resolveTxt: ResolveTxt
  current: CurrentProvider
  resolve: ResolveCredential
  referenceTo: ReferenceTo
  callers: CallerAuthentication
  authenticateWithPassword: AuthenticateWithPassword
  clientAddress: ClientAddress
  render: Render
  assets: Assets
  csrf: Csrf
  knownBrowser: KnownBrowser
  cookieKeys: string[]
  sessionSeconds: number
  outbox: MailOutbox
  apiKeyPrefix: string
  createRateLimit: CreateRateLimit
  discoverOrganizations: DiscoverOrganizations
  mailRequestLimit: MailRequestLimit
  signUp: Config['signUp']
  readiness: () => Promise<Readiness>
  demo: Demo | undefined
}

const gone = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'])

type DirectRoute = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * Every route on one page. The two of the hot path are answered by the node:http listener in front of Koa, which would
 * cost more than they do; everything else passes the middleware in this order, oidc-provider last.
 */
export function createListener(parts: AppParts) {
  const { issuer, log, resolve, referenceTo, clientAddress, callers } = parts
  const provider = () => parts.current.provider()

  const directRoutes: Record<string, DirectRoute> = {
    'POST /oauth/introspect': introspectionApi({ issuer, callers, resolve, referenceTo }),
  }

  const api: ApiRoute[] = [
    ...directAuthenticationApi(parts),
    ...meApi(parts),
    ...discoverApi(parts),
    ...connectionApi(parts),
    ...domainApi(parts),
    ...authenticationLogApi(parts),
    ...apiKeyApi({ ...parts, signAccessToken: parts.current.signAccessToken }),
  ]

  const verify = verifyApi({ resolve, referenceTo, clientAddress })

  const app = new Koa()
  app.keys = parts.cookieKeys
  app.silent = true
  app.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever asked has gone before the answer was whole: nothing failed here.
    if (gone.has(error.code ?? '')) return
    log.error({ err: error }, 'answer failed')
  })
  fixOrigin(app, issuer)
  installInteractionCookies(app, issuer)

  app.use(requestLog({ log, clientAddress }))
  app.use(securityHeaders({ issuer }))
  app.use(respondToErrors(parts))
  app.use(healthPages(parts))
  app.use(parts.assets.middleware)
  app.use(homePage({ issuer, render: parts.render, demo: parts.demo !== undefined }))
  app.use(apiRoutes(api, { requireCaller: callerRequirement({ resolve, referenceTo, clientAddress }), clientAddress }))
  app.use(openApi({ issuer, routes: [...api, verifyRoute] }))
  app.use(interactionPages({ ...parts, provider }))
  app.use(connectionCallbackPages({ ...parts, provider }))
  app.use(organizationPages({ ...parts, provider }))
  app.use(accountPages({ ...parts, provider, signAccessToken: parts.current.signAccessToken }))
  app.use(adminPages({ ...parts, provider, signAccessToken: parts.current.signAccessToken }))
  app.use(accountLifePages({ ...parts, requireSignedInUser: signedInUsers({ ...parts, provider }) }))
  app.use(invitationPages({ ...parts, provider }))
  if (parts.demo) app.use(parts.demo.middleware)
  app.use(providerRoutes(parts))

  const throughKoa = app.callback()
  const mayGoOn = hostGuard(issuer)

  return (request: IncomingMessage, response: ServerResponse): void => {
    if (!mayGoOn(request, response)) return
    const { method, url = '/' } = request
    const path = url.indexOf('?') < 0 ? url : url.slice(0, url.indexOf('?'))
    const direct = isVerifyPath(path) ? verify : directRoutes[`${method} ${path}`]
    if (!direct) return void throughKoa(request, response)
    direct(request, response).catch((error) => {
      log.error({ err: error, method, path }, 'request failed')
      if (response.headersSent) return void response.destroy()
      response.writeHead(500, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
      response.end('{"error":"server_error"}')
    })
  }
}

/** Every URL that Koa or oidc-provider derives from a request begins with the issuer, whatever the request says. */
function fixOrigin(app: Koa, issuer: string): void {
  const { host, hostname, protocol } = new URL(issuer)
  const fixed = { host, hostname, origin: issuer, protocol: protocol.slice(0, -1), secure: protocol === 'https:' }
  for (const [name, value] of Object.entries(fixed)) {
    Object.defineProperty(app.request, name, { get: () => value })
  }
}
