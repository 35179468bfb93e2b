import { createPublicKey, type JsonWebKeyInput } from 'node:crypto'
import * as client from 'openid-client'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Connection } from '#foundation/database/schema.ts'
import type { Fetch } from '#foundation/http/outbound-fetch.ts'
import { callbackUrl, issuerOf, isTrustworthyUrl } from './connection.ts'
import { type OpenedConnection, OpenidUpstream } from './openid-upstream.ts'
import { UpstreamError } from './upstream-error.ts'
import { upstreamFetch } from './upstream-fetch.ts'

/** One thing that a sign-in through the connection takes, and whether it is there. */
export interface TriedStep {
  step: (typeof stepNames)[number]
  outcome: 'ok' | 'failed' | 'skipped'
  /** A sentence of ours: of what a provider answers only its kind is told, never its text. */
  detail: string
}

export interface TryParts {
  /** Ours: the base of the callback. */
  issuer: string
  encryption: Encryption
  /** The guarded one. */
  fetch: Fetch
  /** `host` or `host:port` that may go without https. */
  outboundAllowedHosts: readonly string[]
}

/** In the order of a sign-in. */
export const stepNames = [
  'discovery',
  'issuer',
  'endpoints',
  'pkce',
  'signing_key',
  'client_authentication',
  'redirect_uri',
] as const

/** A document of a megabyte holds more keys than a provider signs with. */
const mostKeys = 100

/** One attempt: the secret is in plain, `fetch` bounded, and `redirectUri` where the provider would send people back to. */
interface Attempt extends TryParts {
  connection: OpenedConnection
  redirectUri: string
}

/**
 * Walks the way of a sign-in as far as it goes without a person, and tells what came of each step. No person is signed
 * in and nothing is stored; the provider sees a token request with a code that it never gave.
 * @returns the steps in order; what needs one that failed is skipped
 */
export async function tryConnection(connection: Connection, parts: TryParts): Promise<TriedStep[]> {
  const redirectUri = callbackUrl(parts.issuer, connection)
  const opened = open(connection, parts.encryption)
  const isGitHub = connection.type === 'github'
  const attempt = opened && { ...parts, fetch: upstreamFetch(parts.fetch), connection: opened, redirectUri }
  const tried = attempt ? await (isGitHub ? tryGitHub : tryOidc)(attempt) : [unreadableSecret]
  const names = isGitHub ? stepNames.slice(-2) : stepNames
  return names.map((step) => tried.find((one) => one.step === step) ?? untried(step, redirectUri))
}

function open(connection: Connection, encryption: Encryption): OpenedConnection | undefined {
  const { clientSecret } = connection
  try {
    return { ...connection, clientSecret: clientSecret === null ? undefined : encryption.decrypt(clientSecret) }
  } catch {
    return undefined
  }
}

const unreadableSecret = authenticated(
  'failed',
  'The secret was encrypted under a key that is not in ENCRYPTION_KEYS. Enter it again.',
)

function untried(step: TriedStep['step'], redirectUri: string): TriedStep {
  if (step !== 'redirect_uri') return { step, outcome: 'skipped', detail: 'It needs a step that failed.' }
  const detail = `Only a sign-in shows whether the provider knows it. Register there: ${redirectUri}`
  return { step, outcome: 'skipped', detail }
}

async function tryOidc(attempt: Attempt): Promise<TriedStep[]> {
  const upstream = new OpenidUpstream(attempt.fetch)
  let metadata: client.ServerMetadata
  try {
    metadata = await upstream.metadataOf(attempt.connection)
  } catch (error) {
    if (namesAnotherIssuer(error)) return [discovered, otherIssuer]
    return [{ step: 'discovery', outcome: 'failed', detail: `The discovery document ${reasonOf(error)}` }]
  }
  const endpoints = tryEndpoints(metadata, attempt)
  if (endpoints.outcome === 'failed') return [discovered, sameIssuer, endpoints]
  const [signingKey, authentication] = await Promise.all([
    trySigningKey(metadata, attempt),
    tryAuthentication(upstream, metadata, attempt),
  ])
  return [discovered, sameIssuer, endpoints, tryPkce(metadata), signingKey, ...authentication]
}

const discovered: TriedStep = { step: 'discovery', outcome: 'ok', detail: 'The discovery document is there.' }
const sameIssuer: TriedStep = { step: 'issuer', outcome: 'ok', detail: "It names the connection's issuer." }
const otherIssuer: TriedStep = {
  step: 'issuer',
  outcome: 'failed',
  detail: 'The discovery document names another issuer: enter it exactly as the provider does, or another address.',
}

function namesAnotherIssuer(error: unknown): boolean {
  if (error instanceof UpstreamError) return error.reason === 'issuer'
  return error instanceof client.ClientError && error.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'
}

function tryEndpoints(metadata: client.ServerMetadata, { outboundAllowedHosts }: Attempt): TriedStep {
  const needed = ['authorization_endpoint', 'token_endpoint', 'jwks_uri']
  const faulty = needed.filter((name) => !isTrustworthyUrl(metadata[name], outboundAllowedHosts))
  if (faulty.length === 0) return { step: 'endpoints', outcome: 'ok', detail: `It names ${needed.join(', ')}.` }
  return { step: 'endpoints', outcome: 'failed', detail: `It names no https URL as ${faulty.join(', ')}.` }
}

/** Some providers do S256 and don't say so; one that names its methods without it doesn't. */
function tryPkce({ code_challenge_methods_supported: methods }: client.ServerMetadata): TriedStep {
  if (!Array.isArray(methods)) {
    const detail = 'The provider does not say whether it knows PKCE. Gatehouse uses it all the same.'
    return { step: 'pkce', outcome: 'skipped', detail }
  }
  if (methods.includes('S256')) return { step: 'pkce', outcome: 'ok', detail: 'The provider knows PKCE with S256.' }
  return { step: 'pkce', outcome: 'failed', detail: 'The provider knows no PKCE with S256, which Gatehouse uses.' }
}

async function trySigningKey(metadata: client.ServerMetadata, { fetch }: Attempt): Promise<TriedStep> {
  const failed = (detail: string): TriedStep => ({ step: 'signing_key', outcome: 'failed', detail })
  try {
    const response = await fetch(String(metadata.jwks_uri), { headers: { accept: 'application/json' } })
    if (response.status !== 200) return failed(`The key set was answered with status ${response.status}.`)
    const set = (await response.json().catch(() => null)) as { keys?: unknown } | null
    if (!Array.isArray(set?.keys)) return failed('The key set is no JSON Web Key Set.')
    const usable = set.keys.slice(0, mostKeys).filter(signingKeysFor(metadata)).length
    if (usable === 0) return failed('The key set has no public key that id tokens may be signed with.')
    return { step: 'signing_key', outcome: 'ok', detail: `Keys that id tokens may be signed with: ${usable}.` }
  } catch (error) {
    return failed(`The key set ${reasonOf(error)}`)
  }
}

/** By the first letters of an algorithm (RFC 7518 §3.1, RFC 8037); what isn't here is refused in an id token. */
const keyTypes: Record<string, string> = { RS: 'RSA', PS: 'RSA', ES: 'EC', Ed: 'OKP' }

function signingKeysFor({ id_token_signing_alg_values_supported: algorithms }: client.ServerMetadata) {
  const named: unknown[] = Array.isArray(algorithms) ? algorithms : ['RS256']
  const types = named.map((algorithm) => keyTypes[String(algorithm).slice(0, 2)])
  return (key: unknown): boolean => {
    if (typeof key !== 'object' || key === null) return false
    const { kty, use } = key as Record<string, unknown>
    if (!types.includes(String(kty)) || (use !== undefined && use !== 'sig')) return false
    try {
      const { asymmetricKeyDetails } = createPublicKey({ key: key as JsonWebKeyInput['key'], format: 'jwk' })
      return kty !== 'RSA' || (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
    } catch {
      return false
    }
  }
}

/**
 * Redeems a code that was never given, as a sign-in would. What it is refused for tells whether the client is known.
 */
async function tryAuthentication(
  upstream: OpenidUpstream,
  metadata: client.ServerMetadata,
  { connection, redirectUri }: Attempt,
): Promise<TriedStep[]> {
  const request = {
    redirectUri,
    state: client.randomState(),
    nonce: client.randomNonce(),
    codeVerifier: client.randomPKCECodeVerifier(),
  }
  const callback = new URL(redirectUri)
  callback.search = String(
    new URLSearchParams({ code: client.randomState(), state: request.state, iss: metadata.issuer }),
  )
  const error = await upstream.introduce(connection, callback, request).catch((refused: unknown) => refused)
  if (error instanceof client.ResponseBodyError) return refusedFor(error.error, error.status, redirectUri)
  if (error instanceof client.WWWAuthenticateChallengeError) return refusedFor('invalid_client', 401, redirectUri)
  return [authenticated('failed', `The answer of the token endpoint ${reasonOf(error)}`)]
}

async function tryGitHub({ connection, fetch, redirectUri }: Attempt): Promise<TriedStep[]> {
  try {
    const response = await fetch(`${issuerOf(connection)}/login/oauth/access_token`, {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: new URLSearchParams({
        client_id: connection.clientId,
        client_secret: connection.clientSecret ?? '',
        code: client.randomState(),
        redirect_uri: redirectUri,
      }),
    })
    // Of a client id that it doesn't know GitHub says "Not Found".
    if (response.status === 404) return refusedFor('invalid_client', 404, redirectUri)
    const answer = (await response.json().catch(() => null)) as { error?: unknown } | null
    return refusedFor(String(answer?.error), response.status, redirectUri)
  } catch (error) {
    return [authenticated('failed', `The answer of GitHub's token endpoint ${reasonOf(error)}`)]
  }
}

/** RFC 6749 §5.2, and GitHub's and Google's own words. */
function refusedFor(error: string, status: number, redirectUri: string): TriedStep[] {
  const accepted = authenticated('ok', 'The provider accepts the client id and its secret.')
  switch (error) {
    case 'invalid_grant':
    case 'bad_verification_code':
      return [accepted]
    case 'redirect_uri_mismatch': {
      const detail = `The provider does not know it. Register there: ${redirectUri}`
      return [accepted, { step: 'redirect_uri', outcome: 'failed', detail }]
    }
    case 'invalid_client':
    case 'incorrect_client_credentials':
      return [authenticated('failed', 'The provider does not accept the client id with this secret.')]
    case 'unauthorized_client':
      return [authenticated('failed', 'The provider does not let this client use the authorization code grant.')]
    default:
      return [authenticated('skipped', `The provider's answer (status ${status}) tells nothing about the client.`)]
  }
}

function authenticated(outcome: TriedStep['outcome'], detail: string): TriedStep {
  return { step: 'client_authentication', outcome, detail }
}

/** What went wrong on the way, as the end of a sentence. */
function reasonOf(error: unknown): string {
  const failure = upstreamErrorIn(error)
  if (!failure) return isResponse(error) ? `has the status ${error.cause.status}.` : 'is not what it should be.'
  const { reason } = failure
  if (failure.failure === 'too_slow') return 'did not come within 5 seconds.'
  if (reason === 'redirect') return 'is a redirect, which is not followed.'
  if (reason === 'answer_too_large' || reason === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return 'is larger than 1 MB.'
  if (reason.startsWith('status_')) return `has the status ${reason.slice('status_'.length)}.`
  // One sentence for all, so that it does not tell which names and ports exist inside.
  return 'could not be asked for: there is no public https address, or the connection failed. A private host has to be named in OUTBOUND_ALLOWED_HOSTS.'
}

/** openid-client wraps what `fetch` throws. */
function upstreamErrorIn(error: unknown): UpstreamError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof UpstreamError) return cause
  }
  return undefined
}

function isResponse(error: unknown): error is Error & { cause: Response } {
  return error instanceof Error && error.cause instanceof Response
}
