import type Koa from 'koa'
import * as client from 'openid-client'
import { GatehouseError } from '#foundation/errors.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import type { Message } from '#foundation/messages/message.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import { type DemoSession, DemoSessions } from './demo-session.ts'

/** A demo person, as the start page lists them. */
export interface DemoPerson {
  name: string
  email: string
  note: Message
}

interface DemoParts {
  issuer: string
  render: Render
  csrf: Csrf
  people: DemoPerson[]
  organizations: { slug: string; name: string }[]
  /** The resource server as which the demo introspects. */
  resourceServer: { clientId: string; clientSecret: string }
  /** The resource whose access tokens are JWTs. */
  jwtResource: string
}

const clientId = 'demo'

/**
 * `/demo`: a small relying party inside the server, for people who try Gatehouse. It takes the way of
 * any other: openid-client, over HTTP, with nothing that a stand-alone application would not have.
 */
export function demoPages(parts: DemoParts): Route[] {
  const { issuer, render, csrf } = parts
  const sessions = new DemoSessions()
  const callback = `${issuer}/demo/callback`
  const discover = once(() =>
    client.discovery(new URL(issuer), clientId, undefined, client.None(), { execute: [client.allowInsecureRequests] }),
  )

  async function showStart(ctx: Koa.Context) {
    const session = sessions.of(ctx)
    if (session.tokens) return showResult(ctx, session)
    const { people, organizations } = parts
    await render(ctx, 'demo/start', { people, organizations, csrf: csrf.token(ctx), action: '/demo/sign-in' }, toIssuer)
  }

  async function postSignIn(ctx: Koa.Context) {
    const form = await postedForm(ctx, csrf)
    const session = sessions.of(ctx)
    session.flow = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      codeVerifier: client.randomPKCECodeVerifier(),
    }
    const organization = form.organization
    const url = client.buildAuthorizationUrl(await discover(), {
      redirect_uri: callback,
      scope: 'openid profile email',
      state: session.flow.state,
      nonce: session.flow.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(session.flow.codeVerifier),
      code_challenge_method: 'S256',
      ...(organization && { organization }),
      ...(form.format === 'jwt' && { resource: parts.jwtResource }),
    })
    seeOther(ctx, url.href)
  }

  async function comeBack(ctx: Koa.Context) {
    const session = sessions.of(ctx)
    const { flow } = session
    session.flow = undefined
    if (!flow) return seeOther(ctx, '/demo')
    session.tokens = await redeem(new URL(ctx.originalUrl, issuer), flow)
    seeOther(ctx, '/demo')
  }

  async function postRefresh(ctx: Koa.Context) {
    await postedForm(ctx, csrf)
    const session = sessions.of(ctx)
    const { tokens } = session
    if (tokens?.refreshToken) {
      const answer = await client.refreshTokenGrant(await discover(), tokens.refreshToken)
      session.tokens = toTokens(answer, tokens.claims)
    }
    seeOther(ctx, '/demo')
  }

  async function postSignOut(ctx: Koa.Context) {
    await postedForm(ctx, csrf)
    const { tokens } = sessions.of(ctx)
    sessions.end(ctx)
    const url = client.buildEndSessionUrl(await discover(), {
      post_logout_redirect_uri: `${issuer}/demo/signed-out`,
      ...(tokens?.idToken && { id_token_hint: tokens.idToken }),
    })
    seeOther(ctx, url.href)
  }

  async function redeem(url: URL, flow: NonNullable<DemoSession['flow']>) {
    try {
      const answer = await client.authorizationCodeGrant(await discover(), url, {
        expectedState: flow.state,
        expectedNonce: flow.nonce,
        pkceCodeVerifier: flow.codeVerifier,
      })
      return toTokens(answer, answer.claims() ?? {})
    } catch (error) {
      if (error instanceof client.AuthorizationResponseError) {
        throw new GatehouseError('permission_denied', error.error_description ?? error.error)
      }
      throw error
    }
  }

  async function showResult(ctx: Koa.Context, session: DemoSession) {
    const { tokens } = session
    if (!tokens) return
    const introspection = await introspect(tokens.accessToken)
    await render(
      ctx,
      'demo/result',
      {
        wide: true,
        claims: tokens.claims,
        introspection,
        accessToken: shortened(tokens.accessToken),
        expiresAt: new Date(tokens.expiresAt),
        hasRefreshToken: tokens.refreshToken !== undefined,
        csrf: csrf.token(ctx),
      },
      toIssuer,
    )
  }

  async function introspect(token: string): Promise<Record<string, unknown>> {
    const { clientId: id, clientSecret } = parts.resourceServer
    const answer = await fetch(`${issuer}/oauth/introspect`, {
      method: 'POST',
      headers: { Authorization: `Basic ${Buffer.from(`${id}:${clientSecret}`).toString('base64')}` },
      body: new URLSearchParams({ token, method: 'GET', path: '/configuration-items' }),
    })
    return (await answer.json()) as Record<string, unknown>
  }

  return [
    ['GET', '/demo', showStart],
    ['POST', '/demo/sign-in', postSignIn],
    ['GET', '/demo/callback', comeBack],
    ['POST', '/demo/refresh', postRefresh],
    ['POST', '/demo/sign-out', postSignOut],
    ['GET', '/demo/signed-out', (ctx) => render(ctx, 'demo/signed-out', {})],
  ]
}

/** Its own forms redirect through the issuer, which is this origin. */
const toIssuer = { formAction: [] }

function toTokens(
  answer: client.TokenEndpointResponse,
  claims: Record<string, unknown>,
): NonNullable<DemoSession['tokens']> {
  return {
    accessToken: answer.access_token,
    refreshToken: answer.refresh_token,
    idToken: answer.id_token,
    claims,
    scope: answer.scope,
    expiresAt: Date.now() + (answer.expires_in ?? 0) * 1000,
  }
}

/** Enough of a token to recognise it by, too little to use. */
function shortened(token: string): string {
  return `${token.slice(0, 12)}…${token.slice(-6)}`
}

/** Discovery asks the server itself, so it waits until the page is opened; a failure is tried again. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => {
    result ??= work().catch((error) => {
      result = undefined
      throw error
    })
    return result
  }
}
