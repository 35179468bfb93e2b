import { createHash } from 'node:crypto'
import { type Algorithm, clients, password, redirectUri, resourceServer, scope, serviceAccount } from './clients.ts'

/* Whole HTTP/1.1 requests as the load generator sends them: text, so that sending costs it next to nothing. */

export const plainRequest = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

export function introspectionRequest(port: number, token: string): string {
  const body = `token=${token}&ip=203.0.113.7&user_agent=Mozilla%2F5.0&method=GET&path=%2Fconfiguration-items`
  return post(port, '/oauth/introspect', body, { authorization: basic(resourceServer) })
}

export function clientCredentialsRequest(port: number): string {
  return post(port, '/oauth/token', 'grant_type=client_credentials', { authorization: basic(serviceAccount) })
}

export function refreshRequest(port: number, token: string, algorithm: Algorithm): string {
  const { clientId } = clients[algorithm]
  return post(port, '/oauth/token', `grant_type=refresh_token&client_id=${clientId}&refresh_token=${token}`)
}

const codeVerifier = 'bench-code-verifier-of-more-than-forty-three-characters'
const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')

/** Path and query of an authorization request. @param loginHint whom the bare library signs in */
export function authorizationPath(algorithm: Algorithm, loginHint?: string): string {
  const parameters = new URLSearchParams({
    client_id: clients[algorithm].clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope,
    state: 'bench',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
    ...(loginHint && { login_hint: loginHint }),
  })
  return `/oauth/authorize?${parameters}`
}

/** Without its cookies, which the load generator keeps. */
export function authorizationRequest(port: number, algorithm: Algorithm): string {
  return `GET ${authorizationPath(algorithm)} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`
}

/** `CODE` stands where the code goes: both have 43 characters, as every code of the library has. */
export function codeRequest(port: number, algorithm: Algorithm): string {
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: clients[algorithm].clientId,
    redirect_uri: redirectUri,
    code_verifier: codeVerifier,
    code: codePlace,
  })
  return post(port, '/oauth/token', form.toString())
}

export const codePlace = 'CODE'.padEnd(43, '-')

/** From an address of its own for each person, as a proxy tells it: one address may try a thousand times only. */
export function signInRequest(port: number, person: number): string {
  const body = JSON.stringify({ email: `person${person}@acme.test`, password })
  const forwarded = `X-Forwarded-For: 10.${(person >> 16) & 255}.${(person >> 8) & 255}.${person & 255}`
  return post(port, '/v1/auth/authenticate', body, { contentType: 'application/json', headers: [forwarded] })
}

function post(
  port: number,
  path: string,
  body: string,
  {
    authorization,
    contentType = 'application/x-www-form-urlencoded',
    headers = [],
  }: { authorization?: string; contentType?: string; headers?: string[] } = {},
): string {
  return [
    `POST ${path} HTTP/1.1`,
    `Host: localhost:${port}`,
    ...(authorization ? [`Authorization: ${authorization}`] : []),
    ...headers,
    `Content-Type: ${contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')
}

function basic({ clientId, clientSecret }: { clientId: string; clientSecret: string }): string {
  return `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
}
