import * as client from 'openid-client'
import { z } from 'zod'
import type { Fetch } from '#foundation/http/outbound-fetch.ts'
import { issuerOf } from './connection.ts'
import type { OpenedConnection, UpstreamRequest } from './openid-upstream.ts'
import { UpstreamError } from './upstream-error.ts'
import { emailOf, type Introduction, presentableName } from './upstream-identity.ts'

const requestSeconds = 5

const gitHubUser = z.object({ id: z.int().positive(), login: z.string(), name: z.string().nullish() })
const gitHubEmails = z.array(z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() }))

/**
 * GitHub is OAuth 2.0 without id tokens: who signed in, its API says to the access token that we got for the code. A
 * login name can be given up and taken by another person, so the numeric id is the subject.
 */
export class GitHubUpstream {
  readonly #fetch: Fetch

  constructor(fetch: Fetch) {
    this.#fetch = fetch
  }

  async authorizationUrl(
    connection: OpenedConnection,
    { redirectUri, state, codeVerifier }: UpstreamRequest,
  ): Promise<URL> {
    return client.buildAuthorizationUrl(this.#configuration(connection), {
      redirect_uri: redirectUri,
      scope: 'read:user user:email',
      state,
      code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    })
  }

  async introduce(
    connection: OpenedConnection,
    callback: URL,
    { state, codeVerifier }: UpstreamRequest,
  ): Promise<Introduction> {
    const configuration = this.#configuration(connection)
    const tokens = await client.authorizationCodeGrant(configuration, callback, {
      expectedState: state,
      pkceCodeVerifier: codeVerifier,
    })
    const api = placesOf(connection).api
    const ask = async <T>(path: string, shape: z.ZodType<T>): Promise<T> => {
      const url = new URL(`${api}${path}`)
      const headers = new Headers({ accept: 'application/vnd.github+json' })
      const { access_token: token } = tokens
      const response = await client.fetchProtectedResource(configuration, token, url, 'GET', null, headers)
      const answer = shape.safeParse(response.status === 200 ? await response.json().catch(() => undefined) : undefined)
      if (!answer.success) throw new UpstreamError('untrustworthy', `github${path.replaceAll('/', '_')}`)
      return answer.data
    }
    const user = await ask('/user', gitHubUser)
    const emails = await ask('/user/emails', gitHubEmails)
    const primary = emails.find((address) => address.primary && address.verified)
    const identity = {
      issuer: issuerOf(connection),
      subject: String(user.id),
      email: emailOf(primary?.email),
      emailVerified: primary !== undefined,
      hostedByProvider: false,
      name: presentableName(user.name) ?? presentableName(user.login),
      groups: [],
      authenticatedAt: undefined,
      idToken: undefined,
    }
    return { identity, claims: { ...user, emails } }
  }

  #configuration(connection: OpenedConnection): client.Configuration {
    const { site } = placesOf(connection)
    const metadata = {
      issuer: `${site}/login/oauth`,
      authorization_endpoint: `${site}/login/oauth/authorize`,
      token_endpoint: `${site}/login/oauth/access_token`,
    }
    const { clientId, clientSecret } = connection
    const authentication = clientSecret === undefined ? client.None() : client.ClientSecretPost(clientSecret)
    const configuration = new client.Configuration(metadata, clientId, undefined, authentication)
    configuration[client.customFetch] = this.#fetch
    configuration.timeout = requestSeconds
    if (site.startsWith('http:')) client.allowInsecureRequests(configuration)
    return configuration
  }
}

/** github.com, or a GitHub Enterprise Server at `issuer`, whose API is below its own address. */
function placesOf({ issuer }: Pick<OpenedConnection, 'issuer'>): { site: string; api: string } {
  if (issuer === null) return { site: 'https://github.com', api: 'https://api.github.com' }
  const site = issuer.replace(/\/+$/, '')
  return { site, api: `${site}/api/v3` }
}
