import type { IncomingMessage, ServerResponse } from 'node:http'
import { isLoopback } from '#foundation/values/loopback.ts'
import { directHeaders } from './security-headers.ts'

/** Health checks and proxies ask by whatever address they know; no URL is made of these. */
const askedByAddress = /^\/(healthz|readyz|v1\/auth\/verify)(?=[/?]|$)/

/**
 * Stands in front of everything. The Host header, X-Forwarded-* and an absolute request target never reach a URL that
 * we print, store or mail: another host is 421 (RFC 9110 §15.5.20), and the rest of the server sees the issuer's. Two
 * Host or Authorization lines are 400: which of them counts is what a proxy in front may see otherwise.
 * @returns whether the request may go on
 */
export function hostGuard(issuer: string): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { host } = new URL(issuer)
  const accepted = acceptedHosts(issuer)
  const headers = directHeaders(issuer)
  return (request, response) => {
    if (hasAmbiguousHeader(request)) {
      refuse(response, 400, 'The Host and Authorization headers may stand there once only.\n', headers)
      return false
    }
    takeOwnOrigin(request)
    if (
      askedByAddress.test(request.url ?? '') ||
      (accepted.has(request.headers.host?.toLowerCase() ?? '') && request.url?.startsWith('/'))
    ) {
      request.headers.host = host
      return true
    }
    refuse(response, 421, `This server answers as ${issuer} only.\n`, headers)
    return false
  }
}

/** A client may name the port that its scheme has anyway (RFC 9110 §4.2.3). */
function acceptedHosts(issuer: string): Set<string> {
  const { host, port, protocol } = new URL(issuer)
  const names = [host, ...(isLoopback(issuer) ? loopbackAliases(issuer) : [])]
  const defaultPort = protocol === 'https:' ? 443 : 80
  return new Set(port ? names : names.flatMap((name) => [name, `${name}:${defaultPort}`]))
}

/** On one's own machine `localhost` and `127.0.0.1` are the same server; neither becomes part of a URL. */
function loopbackAliases(issuer: string): string[] {
  const { port } = new URL(issuer)
  return ['localhost', '127.0.0.1', '[::1]'].map((name) => (port ? `${name}:${port}` : name))
}

/** node:http keeps the first of each and drops the others. */
function hasAmbiguousHeader({ rawHeaders }: IncomingMessage): boolean {
  let hosts = 0
  let authorizations = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
    else if (name.length === 13 && name.toLowerCase() === 'authorization') authorizations++
  }
  return hosts > 1 || authorizations > 1
}

/** An absolute request target stands in for the Host header (RFC 9112 §3.2.2). */
function takeOwnOrigin(request: IncomingMessage): void {
  if (request.url?.startsWith('/') !== false) return
  const [, host, rest = ''] = /^https?:\/\/([^/?#]+)(.*)$/is.exec(request.url) ?? []
  if (host === undefined) return
  request.headers.host = host
  request.url = rest.startsWith('/') ? rest : `/${rest}`
}

function refuse(response: ServerResponse, status: number, body: string, headers: readonly string[]): void {
  const length = String(Buffer.byteLength(body))
  response.writeHead(status, ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', length, ...headers])
  response.end(body)
}
