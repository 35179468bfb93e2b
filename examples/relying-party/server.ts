/**
 * A web application that signs people in with Gatehouse: authorization code flow with PKCE, through openid-client.
 * It keeps tokens on the server; the browser holds nothing but a session cookie.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import * as client from 'openid-client'

const {
  ISSUER = 'http://localhost:3000',
  CLIENT_ID = 'inventory-web',
  CLIENT_SECRET = 'inventory-web-secret-for-the-example',
  API = 'http://localhost:8090',
  PORT = '8080',
} = process.env
const home = `http://localhost:${PORT}/`

interface Session {
  /** Of the sign-in under way: what the answer must match. */
  flow?: { state: string; nonce: string; codeVerifier: string }
  tokens?: client.TokenEndpointResponse
  claims?: client.IDToken
}
const sessions = new Map<string, Session>()

const issuer = new URL(ISSUER)
const insecure = issuer.protocol === 'http:' ? { execute: [client.allowInsecureRequests] } : {}
const config = await client.discovery(issuer, CLIENT_ID, undefined, client.ClientSecretBasic(CLIENT_SECRET), insecure)

const routes: Record<string, (session: Session, request: IncomingMessage, response: ServerResponse) => Promise<void>> =
  {
    'GET /': showHome,
    'GET /sign-in': signIn,
    'GET /callback': finishSignIn,
    'POST /refresh': refresh,
    'POST /sign-out': signOut,
  }

async function showHome(session: Session, _request: IncomingMessage, response: ServerResponse) {
  const answer = session.tokens && (await callApi(session))
  if (!answer || !session.tokens) return page(response, '<h1>Inventory</h1><p><a href="/sign-in">Sign in</a></p>')
  const { claims } = session
  page(
    response,
    `<h1>${escapeHtml(claims?.name)}</h1>
<p>${escapeHtml(claims?.email)}, acting in <b>${escapeHtml(claims?.org_name)}</b></p>
<h2>Configuration items</h2><p>The resource server answered ${answer.status}:</p><pre>${escapeHtml(answer.body)}</pre>
<h2>Claims of the id token</h2><pre>${escapeHtml(JSON.stringify(claims, null, 2))}</pre>
<form method="post" action="/refresh"><button>Refresh the tokens</button></form>
<form method="post" action="/sign-out"><button>Sign out</button></form>
<p><a href="/sign-in">Act in another organization</a></p>`,
  )
}

/** `/sign-in?organization=acme` skips the choice of an organization. */
async function signIn(session: Session, request: IncomingMessage, response: ServerResponse) {
  const organization = urlOf(request).searchParams.get('organization')
  session.flow = {
    state: client.randomState(),
    nonce: client.randomNonce(),
    codeVerifier: client.randomPKCECodeVerifier(),
  }
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: `${home}callback`,
    scope: 'openid profile email',
    state: session.flow.state,
    nonce: session.flow.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(session.flow.codeVerifier),
    code_challenge_method: 'S256',
    ...(organization && { organization }),
  })
  seeOther(response, url)
}

/** Checks state, nonce, `iss` and the id token; throws when the person or Gatehouse said no. */
async function finishSignIn({ flow }: Session, request: IncomingMessage, response: ServerResponse) {
  if (!flow) return seeOther(response, home)
  const tokens = await client.authorizationCodeGrant(config, urlOf(request), {
    expectedState: flow.state,
    expectedNonce: flow.nonce,
    pkceCodeVerifier: flow.codeVerifier,
    idTokenExpected: true,
  })
  endSession(request)
  Object.assign(startSession(response), { tokens, claims: tokens.claims() })
  seeOther(response, home)
}

async function refresh(session: Session, _request: IncomingMessage, response: ServerResponse) {
  await renewTokens(session)
  seeOther(response, home)
}

/** Gatehouse asks the person, then ends its own session and every token that it gave, and sends the browser back. */
async function signOut({ tokens }: Session, request: IncomingMessage, response: ServerResponse) {
  endSession(request)
  const hint = tokens?.id_token && { id_token_hint: tokens.id_token }
  seeOther(response, client.buildEndSessionUrl(config, { post_logout_redirect_uri: home, ...hint }))
}

/** An access token lives 15 minutes: on 401 it is renewed once, and when that fails too, the person signs in again. */
async function callApi(session: Session) {
  let answer = await request()
  if (answer.status === 401 && (await renewTokens(session))) answer = await request()
  return { status: answer.status, body: await answer.text() }

  function request() {
    return fetch(new URL('/configuration-items', API), {
      headers: { Authorization: `Bearer ${session.tokens?.access_token}` },
      signal: AbortSignal.timeout(10_000),
    })
  }
}

/** A refresh token is spent by its use, and the answer brings the next one. */
async function renewTokens(session: Session): Promise<boolean> {
  const { tokens } = session
  if (!tokens?.refresh_token) return false
  try {
    session.tokens = { ...tokens, ...(await client.refreshTokenGrant(config, tokens.refresh_token)) }
    return true
  } catch (error) {
    // `invalid_grant`: signed out elsewhere, deactivated, or 24 hours unused. Anything else may pass.
    if (error instanceof client.ResponseBodyError && error.error === 'invalid_grant') session.tokens = undefined
    return false
  }
}

const server = createServer(async (request, response) => {
  try {
    const route = routes[`${request.method} ${urlOf(request).pathname}`]
    if (route) await route(sessionOf(request) ?? startSession(response), request, response)
    else page(response, '<h1>Not found</h1>', 404)
  } catch (error) {
    const refused = error instanceof client.AuthorizationResponseError
    if (!refused) console.error(error)
    const message = refused ? (error.error_description ?? error.error) : 'That did not work.'
    page(
      response,
      `<h1>Not signed in</h1><p>${escapeHtml(message)}</p><p><a href="/">Back</a></p>`,
      refused ? 403 : 500,
    )
  }
})
server.listen(Number(PORT), 'localhost', () => console.log(`relying party on ${home}`))

function sessionOf(request: IncomingMessage): Session | undefined {
  return sessions.get(sessionId(request))
}

/** A new id at every sign-in, so that an id planted in the browser before is worth nothing. */
function startSession(response: ServerResponse): Session {
  const id = randomBytes(24).toString('base64url')
  const session: Session = {}
  sessions.set(id, session)
  // SameSite=Lax: another site's form reaches /sign-out and /refresh without it. Add Secure behind https.
  response.setHeader('Set-Cookie', `relying-party=${id}; Path=/; HttpOnly; SameSite=Lax`)
  return session
}

function endSession(request: IncomingMessage): void {
  sessions.delete(sessionId(request))
}

function sessionId(request: IncomingMessage): string {
  return /(?:^|; )relying-party=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1] ?? ''
}

function urlOf(request: IncomingMessage): URL {
  return new URL(request.url ?? '/', home)
}

function seeOther(response: ServerResponse, location: string | URL): void {
  response.writeHead(303, { Location: String(location) }).end()
}

function page(response: ServerResponse, html: string, status = 200): void {
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' })
  response.end(`<!doctype html><meta charset="utf-8"><title>Inventory</title>${html}`)
}

function escapeHtml(value: unknown): string {
  return String(value ?? '').replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
