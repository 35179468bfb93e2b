import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { directHeaders } from './security-headers.ts'

/** Answers a request on the node:http listener, without Koa. */
export type DirectRoute = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export interface DirectRouteOf {
  methods: readonly string[]
  answer: DirectRoute
}

/**
 * Answers a request in front of Koa. Another method than the path's is 405 with Allow (RFC 9110 §15.5.6), a failure 500.
 * @param find the route of a path, if it has one
 * @returns whether the request is taken care of
 */
export function directRoutes(
  { issuer, log }: { issuer: string; log: Logger },
  find: (path: string) => DirectRouteOf | undefined,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const headers = directHeaders(issuer)
  return (request, response) => {
    const { method = '', url = '/' } = request
    const path = url.indexOf('?') < 0 ? url : url.slice(0, url.indexOf('?'))
    const route = find(path)
    if (!route) return false
    if (!route.methods.includes(method)) {
      response.writeHead(405, ['Allow', route.methods.join(', '), 'Content-Length', '0', ...headers]).end()
      return true
    }
    route.answer(request, response).catch((error) => {
      log.error({ err: error, method, path }, 'request failed')
      if (response.headersSent) return void response.destroy()
      response.writeHead(500, ['Content-Type', 'application/json', ...headers]).end('{"error":"server_error"}')
    })
    return true
  }
}
