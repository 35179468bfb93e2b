import { routesVia } from '#foundation/audit/origin.ts'
import type { DirectRouteOf } from '#foundation/http/direct-routes.ts'
import type { Route } from '#foundation/http/router.ts'
import { endBrowserSession } from '#protocol/provider/end-browser-session.ts'
import { accountEndPages } from '#surfaces/account/account-end-pages.ts'
import { accountPages } from '#surfaces/account/account-pages.ts'
import { applicationsPages } from '#surfaces/account/applications-pages.ts'
import { identityPages } from '#surfaces/account/identity-pages.ts'
import { meApi } from '#surfaces/account/me-api.ts'
import { organizationsPages } from '#surfaces/account/organizations-pages.ts'
import { profilePages } from '#surfaces/account/profile-pages.ts'
import { securityPages } from '#surfaces/account/security-pages.ts'
import { sessionsPages } from '#surfaces/account/sessions-pages.ts'
import { docsPages } from '#surfaces/api-docs/docs-pages.ts'
import { openApiDocument, openApiRoute } from '#surfaces/api-docs/openapi.ts'
import { apiKeyApi } from '#surfaces/api-keys/api-key-api.ts'
import { organizationApiKeyPages, ownApiKeyPages } from '#surfaces/api-keys/api-key-pages.ts'
import type { ApiRoute } from '#surfaces/api-kit/api-route.ts'
import { callerRequirement } from '#surfaces/api-kit/authenticated-caller.ts'
import { apiRoutes } from '#surfaces/api-kit/serve-api.ts'
import { auditLogApi } from '#surfaces/audit-log/audit-log-api.ts'
import { deploymentAuditLogPages, organizationAuditLogPages } from '#surfaces/audit-log/audit-log-pages.ts'
import { authenticationLogApi } from '#surfaces/authentication-log/authentication-log-api.ts'
import {
  organizationAuthenticationLogPages,
  ownAuthenticationLogPages,
} from '#surfaces/authentication-log/authentication-log-pages.ts'
import { explainApi } from '#surfaces/authorization/explain-api.ts'
import { impactApi } from '#surfaces/authorization/impact-api.ts'
import { applicationPages } from '#surfaces/clients/application-pages.ts'
import { clientApi } from '#surfaces/clients/client-api.ts'
import { serviceAccountApi } from '#surfaces/clients/service-account-api.ts'
import { serviceAccountPages } from '#surfaces/clients/service-account-pages.ts'
import { connectionApi } from '#surfaces/connections/connection-api.ts'
import { connectionPages, connectionPlaces } from '#surfaces/connections/connection-pages.ts'
import { triedPage } from '#surfaces/connections/tried-page.ts'
import { overviewPages } from '#surfaces/console/overview-pages.ts'
import { directAuthenticationApi } from '#surfaces/direct/direct-authentication-api.ts'
import { domainApi } from '#surfaces/domains/domain-api.ts'
import { domainPages } from '#surfaces/domains/domain-pages.ts'
import { grantsApi } from '#surfaces/grants/grants-api.ts'
import { grantsPages } from '#surfaces/grants/grants-pages.ts'
import { permissionApi } from '#surfaces/grants/permission-api.ts'
import { permissionPages } from '#surfaces/grants/permission-pages.ts'
import { discoverApi } from '#surfaces/joining/discover-api.ts'
import { emailChangePages } from '#surfaces/joining/email-change-pages.ts'
import { emailVerificationPages } from '#surfaces/joining/email-verification-pages.ts'
import { firstSuperadminPages } from '#surfaces/joining/first-superadmin-pages.ts'
import { invitationPages } from '#surfaces/joining/invitation-pages.ts'
import { organizationPages } from '#surfaces/joining/organization-pages.ts'
import { recoveryPages } from '#surfaces/joining/recovery-pages.ts'
import { signUpPages } from '#surfaces/joining/sign-up-pages.ts'
import { invitationApi } from '#surfaces/members/invitation-api.ts'
import { memberApi } from '#surfaces/members/member-api.ts'
import { memberPages } from '#surfaces/members/member-pages.ts'
import { introspectionApi } from '#surfaces/oauth/introspection-api.ts'
import { oauthEndpoints } from '#surfaces/oauth/oauth-endpoints.ts'
import { providerRoutes } from '#surfaces/oauth/provider-routes.ts'
import { verifyApi } from '#surfaces/oauth/verify-api.ts'
import { deploymentPages } from '#surfaces/operations/deployment-pages.ts'
import { healthEndpoints } from '#surfaces/operations/health-endpoints.ts'
import { healthPages, type Readiness } from '#surfaces/operations/health-pages.ts'
import { homePage } from '#surfaces/operations/home-page.ts'
import { deploymentOrganizationPages } from '#surfaces/organizations/deployment-organization-pages.ts'
import { organizationApi } from '#surfaces/organizations/organization-api.ts'
import { settingsPages } from '#surfaces/organizations/settings-pages.ts'
import { shownOnce } from '#surfaces/page-kit/shown-once.ts'
import { accountPageKit, adminPageKit, deploymentPageKit } from '#surfaces/page-kit/signed-in-pages.ts'
import { sessionApi } from '#surfaces/sessions/session-api.ts'
import { connectionCallbackPages } from '#surfaces/sign-in/connection-callback.ts'
import { interactionPages } from '#surfaces/sign-in/interaction-pages.ts'
import { signingKeyApi } from '#surfaces/signing-keys/signing-key-api.ts'
import { signingKeyPages } from '#surfaces/signing-keys/signing-key-pages.ts'
import { teamApi } from '#surfaces/teams/team-api.ts'
import { teamPages } from '#surfaces/teams/team-pages.ts'
import { userApi } from '#surfaces/users/user-api.ts'
import { userPages } from '#surfaces/users/user-pages.ts'
import type { Parts } from './parts.ts'

/**
 * Every route of the product but those of the hot path: each surface is built of exactly what it needs, and
 * gives the table of its routes.
 * @param options.demo the demo's own routes, where it runs
 */
export function productRoutes(
  parts: Parts,
  { readiness, demo }: { readiness: () => Promise<Readiness>; demo: readonly Route[] | undefined },
): Route[] {
  const { issuer, render, assets } = parts
  return [
    ...homePage({ issuer, render, demo: demo !== undefined }),
    ...healthPages({ readiness }),
    ...assets.routes,
    ...routesVia('api', apiOf(parts)),
    ...routesVia('sign_in', [...protocolOf(parts), ...joiningOf(parts)]),
    ...routesVia('account', accountOf(parts)),
    ...routesVia('console', [...adminOf(parts), ...deploymentOf(parts, readiness)]),
    ...(demo ?? []),
  ]
}

/** The routes that are answered in front of Koa: introspection, and the decisions for proxies. */
export function hotRoutes(parts: Parts): (path: string) => DirectRouteOf | undefined {
  const { issuer, db, callers, resolve, referenceTo, clientAddress, verifyProxy } = parts
  const introspect = introspectionApi({ issuer, callers, resolve, referenceTo, clientAddress })
  const introspection = { methods: ['POST'], answer: introspect }
  const verify = verifyApi({ issuer, db, resolve, referenceTo, clientAddress, verifyProxy })
  return (path) => (path === '/oauth/introspect' ? introspection : verify(path))
}

function apiOf(parts: Parts): Route[] {
  const { issuer, db, encryption, outboundFetch, outboundAllowedHosts, resolveTxt } = parts
  const { resolve, referenceTo, clientAddress, createRateLimit, discoverOrganizations } = parts
  const { authenticateWithPassword, current, requestTransaction } = parts
  const api: ApiRoute[] = [
    ...directAuthenticationApi({ db, requestTransaction, encryption, current, authenticateWithPassword }),
    ...meApi(),
    ...discoverApi({ discoverOrganizations }),
    ...connectionApi({ issuer, encryption, outboundFetch, outboundAllowedHosts }),
    ...domainApi({ encryption, resolveTxt }),
    ...invitationApi({ outbox: parts.outbox }),
    ...clientApi(),
    ...serviceAccountApi(),
    ...signingKeyApi({ encryption: parts.encryption }),
    ...organizationApi(),
    ...memberApi(),
    ...teamApi(),
    ...grantsApi(),
    ...permissionApi(),
    ...explainApi(),
    ...impactApi(),
    ...userApi({ outbox: parts.outbox }),
    ...sessionApi({ sessionSeconds: parts.sessionSeconds }),
    ...authenticationLogApi(),
    ...auditLogApi(),
    ...apiKeyApi({ ...keyPartsOf(parts), referenceTo, createRateLimit }),
  ]
  const requireCaller = callerRequirement({ resolve, referenceTo, clientAddress })
  const document = openApiDocument({ issuer, routes: api, endpoints: [...oauthEndpoints, ...healthEndpoints] })
  return [
    ...apiRoutes(api, { db, encryption, requireCaller, clientAddress }),
    openApiRoute(document),
    ...docsPages({ document, render: parts.render }),
  ]
}

/** What oidc-provider answers, and the pages of an authorization request. */
function protocolOf(parts: Parts): Route[] {
  const {
    db,
    current,
    requestTransaction,
    encryption,
    findForExchange,
    settleExchange,
    log,
    referenceTo,
    upstreamSignOut,
  } = parts
  const { createRateLimit, wrongSecrets } = parts
  const limits = { createRateLimit, wrongSecrets }
  return [
    ...providerRoutes({
      db,
      current,
      requestTransaction,
      encryption,
      findForExchange,
      settleExchange,
      log,
      referenceTo,
      upstreamSignOut,
      ...limits,
    }),
    ...interactionPages(parts),
    ...connectionCallbackPages({ ...parts, showTried: triedPagesOf(parts) }),
  ]
}

/** Pages of people who have no account yet, or cannot open it. */
function joiningOf(parts: Parts): Route[] {
  const { issuer, db, render, csrf, userOfBrowser, clientAddress, outbox } = parts
  const { discoverOrganizations, mailRequestLimit, requireSignedInUser, upstreamTransactions } = parts
  const finding = { issuer, db, userOfBrowser, render, csrf, clientAddress, discoverOrganizations }
  const asking = { db, render, csrf, outbox, clientAddress, mailRequestLimit }
  return [
    ...organizationPages({ ...finding, upstreamTransactions }),
    ...invitationPages({ issuer, db, userOfBrowser, render, csrf }),
    ...firstSuperadminPages({ issuer, db, render, csrf }),
    ...signUpPages({ ...asking, issuer, signUp: parts.signUp }),
    ...recoveryPages({ ...asking, userOfBrowser }),
    ...emailVerificationPages({ ...asking, issuer, requireSignedInUser, userOfBrowser }),
    ...emailChangePages({ ...asking, issuer, requireSignedInUser, userOfBrowser }),
  ]
}

/** A signed-in person's own pages. */
function accountOf(parts: Parts): Route[] {
  const { issuer, db, log, csrf, render, outbox, requireSignedInUser, sessionSeconds } = parts
  const { authenticateWithPassword, clientAddress, knownBrowser, upstreamTransactions } = parts
  const pages = accountPageKit({ db, csrf, render, requireSignedInUser })
  return [
    ...accountPages({ issuer, csrf, render, signOut: signOutWith(parts) }),
    ...profilePages({ pages, db }),
    ...organizationsPages({ pages, db, issuer, signUp: parts.signUp }),
    ...applicationsPages({ pages, db }),
    ...accountEndPages({ pages, db }),
    ...sessionsPages({ pages, db, sessionSeconds }),
    ...securityPages({ pages, db, outbox, authenticateWithPassword, clientAddress, knownBrowser }),
    ...identityPages({ pages, db, log, render, upstreamTransactions }),
    ...ownApiKeyPages({ pages, ...keyPartsOf(parts) }),
    ...ownAuthenticationLogPages({ pages, db }),
  ]
}

/** Pages of an organization's administrators. */
function adminOf(parts: Parts): Route[] {
  const { issuer, db, csrf, render, encryption, requireSignedInUser, outbox, sessionSeconds } = parts
  const pages = adminPageKit({ db, csrf, render, requireSignedInUser })
  return [
    ...overviewPages({ pages, db }),
    ...memberPages({ pages, db, outbox, sessionSeconds }),
    ...teamPages({ pages, db }),
    ...grantsPages({ pages, db }),
    ...connectionPages(connectionPlaces.organization, { pages, ...connectionPartsOf(parts) }),
    ...domainPages({ pages, db, encryption, resolveTxt: parts.resolveTxt }),
    ...serviceAccountPages({ pages, db, issuer, once: shownOnce({ issuer, encryption }) }),
    ...organizationApiKeyPages({ pages, ...keyPartsOf(parts) }),
    ...organizationAuthenticationLogPages({ pages, db }),
    ...organizationAuditLogPages({ pages, db }),
    ...settingsPages({ pages, db }),
  ]
}

/** Pages of superadmins, over all organizations. */
function deploymentOf(parts: Parts, readiness: () => Promise<Readiness>): Route[] {
  const { issuer, db, csrf, render, encryption, outbox, requireSignedInUser } = parts
  const pages = deploymentPageKit({ db, csrf, render, requireSignedInUser })
  return [
    ...deploymentPages({ pages, db, readiness }),
    ...deploymentOrganizationPages({ pages, db, outbox }),
    ...userPages({ pages, db, outbox }),
    ...applicationPages({ pages, db, issuer, once: shownOnce({ issuer, encryption }) }),
    ...permissionPages({ pages, db }),
    ...connectionPages(connectionPlaces.deployment, { pages, ...connectionPartsOf(parts) }),
    ...signingKeyPages({ pages, db, encryption }),
    ...deploymentAuditLogPages({ pages, db }),
  ]
}

function connectionPartsOf(parts: Parts) {
  const { issuer, db, render, encryption, upstreams, upstreamTransactions, signUp } = parts
  const { outboundFetch, outboundAllowedHosts } = parts
  return {
    issuer,
    db,
    render,
    encryption,
    upstreams,
    upstreamTransactions,
    signUp,
    outboundFetch,
    outboundAllowedHosts,
  }
}

/** Where a sign-in ends that an administrator only tried: among the pages of whose connection it was. */
function triedPagesOf(parts: Parts): ReturnType<typeof triedPage> {
  const { db, csrf, render, requireSignedInUser } = parts
  const kit = { db, csrf, render, requireSignedInUser }
  const more = connectionPartsOf(parts)
  const ofOrganization = triedPage(connectionPlaces.organization, { pages: adminPageKit(kit), ...more })
  const ofDeployment = triedPage(connectionPlaces.deployment, { pages: deploymentPageKit(kit), ...more })
  return (ctx, tried) => (tried.purpose.organizationId === null ? ofDeployment : ofOrganization)(ctx, tried)
}

function keyPartsOf({ issuer, db, outbox, apiKeyPrefix, current: { signAccessToken } }: Parts) {
  return { issuer, db, outbox, apiKeyPrefix, signAccessToken }
}

function signOutWith({ provider, requestTransaction, log, upstreamSignOut }: Parts) {
  return (ctx: Parameters<typeof endBrowserSession>[0], location: string) =>
    endBrowserSession(ctx, { provider: provider(), requestTransaction, log, upstreamSignOut }, location)
}
