import * as client from 'openid-client'
import type { Connection } from '#foundation/database/schema.ts'
import type { Fetch } from '#foundation/http/outbound-fetch.ts'
import { issuerOf } from './connection.ts'
import { UpstreamError } from './upstream-error.ts'
import { type Introduction, identityOf } from './upstream-identity.ts'

/** One round trip to an identity provider: what it must answer with, and what only we know. */
export interface UpstreamRequest {
  redirectUri: string
  state: string
  nonce: string
  codeVerifier: string
}

export interface SignInWishes {
  /** The address that the person has entered already. */
  loginHint: string | undefined
  /** Whether they must prove who they are now, whatever session they have there. */
  fresh: boolean
}

/** A connection with its secret in plain. */
export type OpenedConnection = Omit<Connection, 'clientSecret'> & { clientSecret: string | undefined }

const requestSeconds = 5
const discoverySeconds = 600
const mostDiscovered = 1_000
/** Clocks of two servers differ. */
const clockToleranceSeconds = 300
/** It goes into a header of ours, and proxies give all headers of an answer 4 to 8 KB. */
const longestEndpoint = 1_000

/**
 * What id tokens may be signed with. No HMAC: a public key would pass for its secret. No `none`. Every key comes from
 * the provider's own JWKS, whatever the token's header says.
 */
const signingAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']

/** Connections of type `oidc` and `google`, by openid-client. */
export class OpenidUpstream {
  readonly #fetch: Fetch
  readonly #discovered = new Map<string, { metadata: Promise<client.ServerMetadata>; until: number }>()

  constructor(fetch: Fetch) {
    this.#fetch = fetch
  }

  /** Where to send the browser: authorization code with PKCE S256, state and nonce. @throws UpstreamError, and whatever openid-client does */
  async authorizationUrl(
    connection: OpenedConnection,
    { redirectUri, state, nonce, codeVerifier }: UpstreamRequest,
    { loginHint, fresh }: SignInWishes,
  ): Promise<URL> {
    const metadata = await this.metadataOf(connection)
    requireBrowserAddress(connection, metadata.authorization_endpoint)
    return client.buildAuthorizationUrl(this.#configuration(connection, metadata), {
      redirect_uri: redirectUri,
      scope: scopesFor(connection, metadata),
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
      ...(loginHint !== undefined && { login_hint: loginHint }),
      ...(fresh && { prompt: 'login' }),
    })
  }

  /**
   * Exchanges the code and verifies everything about the answer: `state`, `iss` (RFC 9207), the id token's signature,
   * algorithm, `iss`, `aud`, `azp`, `exp` and `nonce` (OpenID Connect Core §3.1.3.7).
   *
   * The JWKS is asked for once for each id token and kept no longer: rotated keys work at once, withdrawn ones no more,
   * and no token can make us ask twice.
   */
  async introduce(connection: OpenedConnection, callback: URL, request: UpstreamRequest): Promise<Introduction> {
    const metadata = await this.metadataOf(connection)
    const { configuration, tokens } = await this.#redeem(connection, metadata, callback, request)
    const claims = tokens.claims()
    if (!claims) throw new UpstreamError('untrustworthy', 'id_token')
    if (claims.iat > Date.now() / 1000 + clockToleranceSeconds) throw new UpstreamError('untrustworthy', 'iat')
    if (claims.azp !== undefined && claims.azp !== connection.clientId) throw new UpstreamError('untrustworthy', 'azp')
    const told = await withUserinfo(connection, metadata, claims, () =>
      client.fetchUserInfo(configuration, tokens.access_token, claims.sub),
    )
    const { groupClaim } = connection
    return {
      identity: identityOf(told, { issuer: claims.iss, groupClaim, idToken: tokens.id_token }),
      claims: told,
    }
  }

  /** Where the provider signs people out (OpenID Connect RP-Initiated Logout); undefined when it offers no such thing. */
  async endSessionUrl(
    connection: OpenedConnection,
    { idToken, returnTo, state }: { idToken: string | undefined; returnTo: string; state: string },
  ): Promise<URL | undefined> {
    const metadata = await this.metadataOf(connection)
    if (!metadata.end_session_endpoint) return undefined
    requireBrowserAddress(connection, metadata.end_session_endpoint)
    return client.buildEndSessionUrl(this.#configuration(connection, metadata), {
      post_logout_redirect_uri: returnTo,
      state,
      ...(idToken !== undefined && { id_token_hint: idToken }),
    })
  }

  /** Discovery (OpenID Connect Discovery §4), remembered for ten minutes; a failure isn't remembered. */
  metadataOf(connection: Pick<Connection, 'type' | 'issuer'>): Promise<client.ServerMetadata> {
    const issuer = issuerOf(connection)
    const known = this.#discovered.get(issuer)
    if (known && known.until > Date.now()) return known.metadata
    const metadata = this.#discover(issuer)
    this.#discovered.delete(issuer)
    this.#discovered.set(issuer, { metadata, until: Date.now() + discoverySeconds * 1000 })
    metadata.catch(() => this.#forget(issuer, metadata))
    const oldest = this.#discovered.keys().next().value
    if (this.#discovered.size > mostDiscovered && oldest !== undefined) this.#discovered.delete(oldest)
    return metadata
  }

  /** The provider may have moved: the next sign-in looks again. */
  forget(connection: Pick<Connection, 'type' | 'issuer'>): void {
    this.#discovered.delete(issuerOf(connection))
  }

  #forget(issuer: string, metadata: Promise<client.ServerMetadata>): void {
    if (this.#discovered.get(issuer)?.metadata === metadata) this.#discovered.delete(issuer)
  }

  async #discover(issuer: string): Promise<client.ServerMetadata> {
    const configuration = await client.discovery(new URL(issuer), 'discovery', undefined, client.None(), {
      [client.customFetch]: this.#fetch,
      timeout: requestSeconds,
      execute: mayDoWithoutHttps(issuer) ? [client.allowInsecureRequests] : [],
    })
    const metadata = configuration.serverMetadata()
    // openid-client lets Microsoft's "any tenant" issuers pass: then one tenant could pass for another.
    if (new URL(metadata.issuer).href !== new URL(issuer).href) throw new UpstreamError('untrustworthy', 'issuer')
    return metadata
  }

  #configuration(
    { clientId, clientSecret, ...connection }: OpenedConnection,
    metadata: client.ServerMetadata,
    authenticate: (secret: string) => client.ClientAuth = client.ClientSecretBasic,
  ): client.Configuration {
    const authentication = clientSecret === undefined ? client.None() : authenticate(clientSecret)
    // A list is what oauth4webapi compares with when it is given one; its type knows a single algorithm only.
    const expected = { id_token_signed_response_alg: signingAlgorithms as unknown as string }
    const configuration = new client.Configuration(metadata, clientId, expected, authentication)
    configuration[client.customFetch] = this.#fetch
    configuration.timeout = requestSeconds
    if (mayDoWithoutHttps(issuerOf(connection))) client.allowInsecureRequests(configuration)
    client.enableNonRepudiationChecks(configuration)
    return configuration
  }

  async #redeem(
    connection: OpenedConnection,
    metadata: client.ServerMetadata,
    callback: URL,
    { state, nonce, codeVerifier }: UpstreamRequest,
  ) {
    const checks = {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: codeVerifier,
      idTokenExpected: true,
    }
    const ways = waysToAuthenticate(metadata)
    for (const [index, way] of ways.entries()) {
      const configuration = this.#configuration(connection, metadata, way)
      try {
        return { configuration, tokens: await client.authorizationCodeGrant(configuration, callback, checks) }
      } catch (error) {
        // Some registrations take the secret in one place only; who wasn't authenticated has not spent the code.
        const mayTryAgain = connection.clientSecret !== undefined && index < ways.length - 1
        if (!mayTryAgain || !isClientRefused(error)) throw error
      }
    }
    throw new UpstreamError('refused', 'client_authentication')
  }
}

/**
 * Discovery may say anything (RFC 9700 §4.1.3): a browser is sent to a web address only, never to `javascript:` or to an
 * application, and over https unless the issuer does without.
 * @throws UpstreamError
 */
function requireBrowserAddress(connection: OpenedConnection, endpoint: string | undefined): void {
  const protocol = endpoint !== undefined && endpoint.length <= longestEndpoint && URL.parse(endpoint)?.protocol
  if (protocol === 'https:' || (protocol === 'http:' && mayDoWithoutHttps(issuerOf(connection)))) return
  throw new UpstreamError('untrustworthy', 'endpoint')
}

/** Which hosts that may be, the outbound fetch decides. */
function mayDoWithoutHttps(issuer: string): boolean {
  return issuer.startsWith('http:')
}

/** Okta tells groups only to who asks for a scope of that name. */
function scopesFor({ groupClaim }: OpenedConnection, { scopes_supported: supported = [] }: client.ServerMetadata) {
  const scopes = ['openid', 'email', 'profile']
  if (groupClaim !== null && Array.isArray(supported) && supported.includes(groupClaim)) scopes.push(groupClaim)
  return scopes.join(' ')
}

/** RFC 6749 §2.3.1: every server takes Basic; that is the default where the metadata doesn't say. */
function waysToAuthenticate({ token_endpoint_auth_methods_supported: supported }: client.ServerMetadata) {
  const basic = !supported || supported.includes('client_secret_basic')
  const post = !supported || supported.includes('client_secret_post')
  return [...(basic ? [client.ClientSecretBasic] : []), ...(post || !basic ? [client.ClientSecretPost] : [])]
}

export function isClientRefused(error: unknown): boolean {
  if (error instanceof client.WWWAuthenticateChallengeError) return true
  return error instanceof client.ResponseBodyError && error.error === 'invalid_client'
}

/** Many providers tell e-mail and name by userinfo only. `email_verified` goes with the address that it was said of. */
async function withUserinfo(
  { groupClaim }: OpenedConnection,
  { userinfo_endpoint: endpoint }: client.ServerMetadata,
  claims: client.IDToken,
  fetchUserinfo: () => Promise<client.UserInfoResponse>,
): Promise<Record<string, unknown>> {
  const wanted = ['email', 'name', ...(groupClaim === null ? [] : [groupClaim])]
  if (!endpoint || wanted.every((claim) => claims[claim] !== undefined)) return claims
  const { email, email_verified, ...more } = await fetchUserinfo()
  return { ...more, ...(claims.email === undefined && { email, email_verified }), ...claims }
}
