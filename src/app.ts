import type { IncomingMessage, ServerResponse } from 'node:http'
import Koa from 'koa'
import type { Logger } from 'pino'
import type { Upstreams } from '#authentication/connections/upstreams.ts'
import type { MailRequestLimit } from '#authentication/mail-links/mail-request-limit.ts'
import type { AuthenticateWithPassword } from '#authentication/passwords/authenticate-with-password.ts'
import type { ReferenceTo } from '#credentials/resolve/credential.ts'
import type { ResolveCredential } from '#credentials/resolve/resolve-credentials.ts'
import type { DiscoverOrganizations } from '#directory/organizations/discover-organizations.ts'
import type { ResolveTxt } from '#directory/organizations/verify-domain.ts'
import type { Config } from '#foundation/config/config.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import { directRoutes } from '#foundation/http/direct-routes.ts'
import { hostGuard } from '#foundation/http/host-guard.ts'
import { isOfClient } from '#foundation/http/http-server.ts'
import type { Fetch } from '#foundation/http/outbound-fetch.ts'
import type { CreateRateLimit } from '#foundation/http/rate-limit.ts'
import { requestLog } from '#foundation/http/request-log.ts'
import { securityHeaders } from '#foundation/http/security-headers.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { installInteractionCookies } from '#protocol/library/interaction-cookies.ts'
import type { CurrentProvider } from '#protocol/provider/current-provider.ts'
import type { UpstreamSignOut } from '#protocol/provider/upstream-sign-out.ts'
import { accountPages } from '#surfaces/account/account-pages.ts'
import { meApi } from '#surfaces/account/me-api.ts'
import { apiKeyApi } from '#surfaces/api-keys/api-key-api.ts'
import { type ApiRoute, apiRoutes } from '#surfaces/api-kit/api-route.ts'
import { callerRequirement } from '#surfaces/api-kit/authenticated-caller.ts'
import { openApi } from '#surfaces/api-kit/openapi.ts'
import { authenticationLogApi } from '#surfaces/authentication-log/authentication-log-api.ts'
import { adminPages } from '#surfaces/console/admin-pages.ts'
import { connectionApi } from '#surfaces/console/connection-api.ts'
import { domainApi } from '#surfaces/console/domain-api.ts'
import type { Demo } from '#surfaces/demo/demo-pages.ts'
import { directAuthenticationApi } from '#surfaces/direct/direct-authentication-api.ts'
import { accountLifePages } from '#surfaces/joining/account-life-pages.ts'
import { discoverApi } from '#surfaces/joining/discover-api.ts'
import { invitationPages } from '#surfaces/joining/invitation-pages.ts'
import { organizationPages } from '#surfaces/joining/organization-pages.ts'
import type { CallerAuthentication } from '#surfaces/oauth/authenticate-caller.ts'
import { introspectionApi } from '#surfaces/oauth/introspection-api.ts'
import { providerRoutes } from '#surfaces/oauth/provider-routes.ts'
import { verifyApi, verifyRoute } from '#surfaces/oauth/verify-api.ts'
import { healthPages, type Readiness } from '#surfaces/operations/health-pages.ts'
import { homePage } from '#surfaces/operations/home-page.ts'
import type { Assets } from '#surfaces/page-kit/assets.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import type { KnownBrowser } from '#surfaces/page-kit/known-browser.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import { respondToErrors } from '#surfaces/page-kit/respond-to-errors.ts'
import { signedInUsers } from '#surfaces/page-kit/signed-in-user.ts'
import { connectionCallbackPages } from '#surfaces/sign-in/connection-callback.ts'
import { interactionPages } from '#surfaces/sign-in/interaction-pages.ts'
import type { UpstreamTransactions } from '#surfaces/sign-in/upstream-transactions.ts'

export interface AppParts {
  issuer: string
  log: Logger
  db: Queryable
  requestTransaction: RequestTransaction
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
  verifyProxy: Config['verifyProxy']
  readiness: () => Promise<Readiness>
  demo: Demo | undefined
}

/**
 * Every route on one page. The two of the hot path are answered by the node:http listener in front of Koa, which would
 * cost more than they do; everything else passes the middleware in this order, oidc-provider last.
 */
export function createListener(parts: AppParts) {
  const { issuer, log, resolve, referenceTo, clientAddress, callers } = parts
  const provider = () => parts.current.provider()

  const api: ApiRoute[] = [
    ...directAuthenticationApi(parts),
    ...meApi(parts),
    ...discoverApi(parts),
    ...connectionApi(parts),
    ...domainApi(parts),
    ...authenticationLogApi(parts),
    ...apiKeyApi({ ...parts, signAccessToken: parts.current.signAccessToken }),
  ]

  const introspection = { methods: ['POST'], answer: introspectionApi({ issuer, callers, resolve, referenceTo }) }
  const verifyRoutes = verifyApi(parts)

  const app = new Koa()
  app.keys = parts.cookieKeys
  app.silent = true
  app.on('error', (error) => {
    if (!isOfClient(error)) log.error({ err: error }, 'answer failed')
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
  const direct = directRoutes(parts, (path) => (path === '/oauth/introspect' ? introspection : verifyRoutes(path)))

  return (request: IncomingMessage, response: ServerResponse): void => {
    if (!mayGoOn(request, response) || direct(request, response)) return
    throughKoa(request, response)
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
