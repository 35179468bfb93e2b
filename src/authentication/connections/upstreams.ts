import * as client from 'openid-client'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Connection } from '#foundation/database/schema.ts'
import type { Fetch } from '#foundation/http/outbound-fetch.ts'
import { GitHubUpstream } from './github-upstream.ts'
import {
  isClientRefused,
  type OpenedConnection,
  OpenidUpstream,
  type SignInWishes,
  type UpstreamRequest,
} from './openid-upstream.ts'
import { UpstreamError } from './upstream-error.ts'
import { upstreamFetch } from './upstream-fetch.ts'
import type { Introduction, UpstreamIdentity } from './upstream-identity.ts'

/** The identity providers behind connections. Whatever goes wrong with one is an `UpstreamError`. */
export interface Upstreams {
  /** Where to send the browser to sign in. */
  authorizationUrl(connection: Connection, request: UpstreamRequest, wishes: SignInWishes): Promise<URL>
  /** Who came back. @param callback the address that the browser was sent back to, with its query */
  identify(connection: Connection, callback: URL, request: UpstreamRequest): Promise<UpstreamIdentity>
  /** The same with what the provider said in its own words. */
  introduce(connection: Connection, callback: URL, request: UpstreamRequest): Promise<Introduction>
  /** Where the browser signs out there; undefined when there is no such place, or it can't be found out now. */
  endSessionUrl(
    connection: Connection,
    request: { idToken: string | undefined; returnTo: string; state: string },
  ): Promise<URL | undefined>
}

/** @param parts.fetch the guarded outbound fetch */
export function createUpstreams({ fetch, encryption }: { fetch: Fetch; encryption: Encryption }): Upstreams {
  const bounded = upstreamFetch(fetch)
  const openid = new OpenidUpstream(bounded)
  const gitHub = new GitHubUpstream(bounded)

  const open = ({ clientSecret, ...connection }: Connection): OpenedConnection => ({
    ...connection,
    clientSecret: clientSecret === null ? undefined : encryption.decrypt(clientSecret),
  })

  async function introduce(connection: Connection, callback: URL, request: UpstreamRequest): Promise<Introduction> {
    try {
      return await asUpstreamError(() =>
        (connection.type === 'github' ? gitHub : openid).introduce(open(connection), callback, request),
      )
    } catch (error) {
      if (connection.type !== 'github') openid.forget(connection)
      throw error
    }
  }

  return {
    authorizationUrl: (connection, request, wishes) =>
      asUpstreamError(() =>
        connection.type === 'github'
          ? gitHub.authorizationUrl(open(connection), request)
          : openid.authorizationUrl(open(connection), request, wishes),
      ),

    introduce,

    async identify(connection, callback, request) {
      const { identity } = await introduce(connection, callback, request)
      return identity
    },

    async endSessionUrl(connection, request) {
      if (connection.type === 'github') return undefined
      return asUpstreamError(() => openid.endSessionUrl(open(connection), request)).catch(() => undefined)
    },
  }
}

async function asUpstreamError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toUpstreamError(error)
  }
}

/** openid-client's errors hold answers, claims and tokens in their causes: only codes go on. */
function toUpstreamError(error: unknown): unknown {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    if (cause instanceof UpstreamError) return cause
  }
  if (error instanceof client.AuthorizationResponseError) return new UpstreamError('declined', codeOf(error.error))
  if (isClientRefused(error)) return new UpstreamError('refused', 'client_authentication')
  if (error instanceof client.ResponseBodyError) return new UpstreamError('refused', codeOf(error.error))
  if (error instanceof client.ClientError) return new UpstreamError(failureOf(error), codeOf(error.code))
  // What importing a key or reading JSON throws is about what the provider sent.
  if (error instanceof DOMException || error instanceof SyntaxError || error instanceof TypeError) {
    return new UpstreamError('untrustworthy', 'malformed_answer')
  }
  return error
}

function failureOf({ code }: client.ClientError): 'too_slow' | 'unreachable' | 'untrustworthy' {
  if (code === 'OAUTH_TIMEOUT' || code === 'OAUTH_ABORT') return 'too_slow'
  return code === 'OAUTH_RESPONSE_IS_NOT_CONFORM' || code === 'OAUTH_RESPONSE_IS_NOT_JSON'
    ? 'unreachable'
    : 'untrustworthy'
}

/** RFC 6749 §4.1.2.1: an error code; whatever else stands there may be anything. */
function codeOf(code: unknown): string {
  return typeof code === 'string' && /^[A-Za-z_]{1,60}$/.test(code) ? code : 'unknown'
}
