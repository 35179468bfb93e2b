import type { JWK } from 'jose'
import {
  type AccessToken,
  type Adapter,
  type ClientCredentials,
  type Configuration,
  errors,
  type KoaContextWithOIDC,
  Provider,
} from 'oidc-provider'
import { recordToken } from '#adapters/credential-adapter.ts'
import { signingAlgorithms } from '#credentials/signing-keys/signing-keys.ts'
import { findResourceServer } from '#directory/clients/client-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Fetch } from '#foundation/http/outbound-fetch.ts'
import { languages } from '#foundation/messages/languages.ts'
import { toSigningKey } from '#protocol/library/inline-signing-key.ts'
import { patchLibrary } from '#protocol/library/patches.ts'
import { cookieNames, cookieOptions } from '#protocol/request/cookies.ts'
import { currentExchange, foundAs } from '#protocol/request/token-exchange.ts'
import { claimsOfScopes, extraTokenClaims, findAccount } from './claims.ts'
import { loadGrant } from './grant.ts'
import { gatehouseInteractionPolicy } from './interaction-policy.ts'
import { type ProviderPages, pageSources } from './page-sources.ts'

/** Floors above hand a provider on; what is in it, only this floor and the sign-in ask. */
export type { Provider } from 'oidc-provider'

export const accessTokenSeconds = 900
const codeSeconds = 60
const deviceCodeSeconds = 600
const interactionSeconds = 3600
const idTokenSeconds = 3600
/** However much a session or a grant is used, it ends: 30 days. */
const longestSessionSeconds = 30 * 86_400

/** Where the protocol's endpoints are; `/device` is for people. */
export const routes = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  introspection: '/oauth/introspect',
  revocation: '/oauth/revoke',
  userinfo: '/oauth/userinfo',
  jwks: '/oauth/jwks',
  pushed_authorization_request: '/oauth/par',
  device_authorization: '/oauth/device_authorization',
  code_verification: '/device',
  end_session: '/oauth/logout',
}

export interface ProviderParts {
  issuer: string
  sessionSeconds: number
  /** The current request's transaction, or the database. */
  db: () => Queryable
  adapter: (model: string) => Adapter
  signingKeys: JWK[]
  cookieKeys: string[]
  /** The catalogue: every permission is also a scope that a client may ask for. */
  permissionNames: string[]
  fetch: Fetch
  pages: ProviderPages
}

/** Every protocol endpoint is the library's work, with our stores behind it and `protocol/library/` inside. */
export function createProvider(parts: ProviderParts): Provider {
  const provider = new Provider(parts.issuer, configuration(parts))
  patchLibrary(provider, { ...parts, deviceCodeSeconds })
  return provider
}

function configuration(parts: ProviderParts): Configuration {
  const { db } = parts
  const { renderError, deviceFlow, rpInitiatedLogout } = pageSources(parts.pages)
  return {
    adapter: parts.adapter,
    jwks: { keys: parts.signingKeys.map(toSigningKey) } as Configuration['jwks'],
    fetch: parts.fetch,
    scopes: ['openid', 'profile', 'email', 'offline_access', ...parts.permissionNames],
    claims: claimsOfScopes,
    conformIdTokenClaims: false,
    clientDefaults: { id_token_signed_response_alg: 'ES256', grant_types: ['authorization_code'] },
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    discovery: { ui_locales_supported: [...languages] },
    enabledJWA: {
      idTokenSigningAlgValues: [...signingAlgorithms],
      userinfoSigningAlgValues: [...signingAlgorithms],
      introspectionSigningAlgValues: [...signingAlgorithms],
      requestObjectSigningAlgValues: [...signingAlgorithms],
      authorizationSigningAlgValues: [...signingAlgorithms],
    },
    responseTypes: ['code'],
    pkce: { required: () => true },
    /** RFC 6749 §4.1.3: a code is redeemed with the redirect_uri that it was asked for with. */
    allowOmittingSingleRegisteredRedirectUri: false,
    extraParams: ['organization', 'connection'],
    extraClientMetadata: { properties: ['first_party', 'organization_id', 'permissions'] },
    clientBasedCORS,
    cookies: {
      keys: parts.cookieKeys,
      names: cookieNames(parts.issuer),
      long: cookieOptions,
      short: cookieOptions,
    },
    routes,
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      clientCredentials: { enabled: true },
      userinfo: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      backchannelLogout: { enabled: true },
      dPoP: { enabled: false },
      externalSigningSupport: { enabled: true, ack: 'experimental-01' },
      deviceFlow,
      rpInitiatedLogout,
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        defaultResource: (_ctx, _client, oneOf) => oneOf as unknown as string,
        getResourceServerInfo: async (_ctx, resource) => {
          const known = foundAs(currentExchange()?.found.resourceServer, resource)
          const server = known ? known.is : await findResourceServer(db(), resource)
          if (!server) throw new errors.InvalidTarget()
          return {
            scope: parts.permissionNames.join(' '),
            audience: resource,
            accessTokenFormat: server.accessTokenFormat,
            accessTokenTTL: accessTokenSeconds,
            jwt: { sign: { alg: 'ES256' } },
          }
        },
      },
    },
    formats: {
      customizers: {
        jwt: (_ctx, token, jwt) => recordJwt(db, token, jwt.payload),
      },
    },
    interactions: {
      policy: gatehouseInteractionPolicy(db),
      url: (_ctx, interaction) => `/interaction/${interaction.uid}`,
    },
    findAccount: (ctx, userId) => findAccount(ctx, db, userId),
    loadExistingGrant: (ctx) => loadGrant(ctx, db),
    extraTokenClaims: (ctx, token) => extraTokenClaims(ctx, db, token),
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    /** A token revoked by its client takes its grant along: one row decides, also over tokens issued at this moment. */
    revokeGrantPolicy: () => true,
    /** Signing out revokes the session's grants itself, at once and for every organization (sign-out.ts). */
    expiresWithSession: () => false,
    renderError,
    ttl: {
      AccessToken: accessTokenSeconds,
      ClientCredentials: accessTokenSeconds,
      AuthorizationCode: codeSeconds,
      DeviceCode: deviceCodeSeconds,
      IdToken: idTokenSeconds,
      Interaction: interactionSeconds,
      Grant: longestSessionSeconds,
      Session: (_ctx, session) => slidingSeconds(parts.sessionSeconds, session.loginTs),
      RefreshToken: (_ctx, token) => slidingSeconds(parts.sessionSeconds, token.iiat),
    },
  }
}

/** The library keeps no record of a JWT; without one it could be neither introspected nor revoked. */
async function recordJwt(db: () => Queryable, token: AccessToken | ClientCredentials, claims: Record<string, unknown>) {
  const { kind, clientId, scope } = token
  const { accountId, grantId, gty } = token as AccessToken
  const { jti, iat, exp, aud } = claims as { jti: string; iat: number; exp: number; aud: string }
  await recordToken(
    db,
    { grantId, clientId: clientId ?? '', userId: accountId },
    {
      format: 'jwt',
      kind: 'access_token',
      presented: jti,
      scope,
      audience: aud,
      payload: { kind, clientId, scope, accountId, grantId, gty, iat, exp, aud },
      issuedAt: iat,
      lifetimeSeconds: exp - iat,
    },
  )
}

/** The idle window, cut where the absolute end comes first. @param since seconds since the epoch */
export function slidingSeconds(idleSeconds: number, since = now()): number {
  return Math.max(1, Math.min(idleSeconds, since + longestSessionSeconds - now()))
}

function now(): number {
  return Math.floor(Date.now() / 1000)
}

/**
 * A browser app may call the endpoints from the origins it is registered with, never with credentials. The library asks
 * before the client has proven itself: to one that has to, another origin is one more wrong secret, which tells a
 * stranger nothing of the client (RFC 6749 §5.2).
 */
const clientBasedCORS: Configuration['clientBasedCORS'] = (ctx, origin, client) => {
  const own = [...(client.redirectUris ?? []), ...(client.postLogoutRedirectUris ?? [])]
  const allowed = own.some((uri) => URL.canParse(uri) && new URL(uri).origin === origin)
  const proves = client.clientAuthMethod !== 'none' || presentsProof(ctx)
  if (!allowed && proves && ctx.oidc.route !== 'userinfo') throw new errors.InvalidClientAuth('origin not allowed')
  return allowed
}

function presentsProof({ oidc, headers }: KoaContextWithOIDC): boolean {
  const { client_secret: secret, client_assertion: assertion } = oidc.params ?? {}
  return headers.authorization !== undefined || secret !== undefined || assertion !== undefined
}
