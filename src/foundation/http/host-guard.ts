import type { IncomingMessage, ServerResponse } from 'node:http'
import { isLoopback } from '#foundation/values/loopback.ts'

/** Health checks and proxies ask by whatever address they know; no URL is made of these. */
const askedByAddress = /^\/(healthz|readyz|v1\/auth\/verify)(?=[/?]|$)/

/**
 * Stands in front of everything. The Host header, X-Forwarded-* and an absolute request target never reach a URL that
 * we print, store or mail: another host is 421 (RFC 9110 §15.5.20), and the rest of the server sees the issuer's.
 * @returns whether the request may go on
 */
export function hostGuard(issuer: string): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { host } = new URL(issuer)
  const accepted = new Set([host, ...(isLoopback(issuer) ? loopbackAliases(issuer) : [])])
  return (request, response) => {
    if (
      askedByAddress.test(request.url ?? '') ||
      (accepted.has(request.headers.host?.toLowerCase() ?? '') && request.url?.startsWith('/'))
    ) {
      request.headers.host = host
      return true
    }
    const body = `This server answers as ${issuer} only.\n`
    response.writeHead(421, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(body) })
    response.end(body)
    return false
  }
}

/** On one's own machine `localhost` and `127.0.0.1` are the same server; neither becomes part of a URL. */
function loopbackAliases(issuer: string): string[] {
  const { port } = new URL(issuer)
  return ['localhost', '127.0.0.1', '[::1]'].map((name) => (port ? `${name}:${port}` : name))
}
