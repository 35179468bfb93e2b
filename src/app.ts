import type { IncomingMessage, ServerResponse } from 'node:http'
import Koa from 'koa'
import type { Logger } from 'pino'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import { type DirectRouteOf, directRoutes } from '#foundation/http/direct-routes.ts'
import { hostGuard } from '#foundation/http/host-guard.ts'
import { isOfClient } from '#foundation/http/http-server.ts'
import { closeOnUnreadBody } from '#foundation/http/refused-body.ts'
import { requestLog } from '#foundation/http/request-log.ts'
import { type Route, router } from '#foundation/http/router.ts'
import { securityHeaders } from '#foundation/http/security-headers.ts'
import { installInteractionCookies } from '#protocol/library/interaction-cookies.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import { respondToErrors } from '#surfaces/page-kit/respond-to-errors.ts'

export interface AppParts {
  issuer: string
  log: Logger
  cookieKeys: string[]
  clientAddress: ClientAddress
  render: Render
  /** Of the hot path, which Koa would cost more than they do: the node:http listener answers them in front of it. */
  direct: (path: string) => DirectRouteOf | undefined
  /** Everything else that there is. */
  routes: readonly Route[]
}

/** The listener of the server: what is answered in front of Koa, and every other route behind the middleware in this order. */
export function createListener({ issuer, log, cookieKeys, clientAddress, render, direct, routes }: AppParts) {
  const app = new Koa()
  app.keys = cookieKeys
  app.silent = true
  app.on('error', (error) => {
    if (!isOfClient(error)) log.error({ err: error }, 'answer failed')
  })
  fixOrigin(app, issuer)
  installInteractionCookies(app, issuer)

  app.use(closeOnUnreadBody)
  app.use(requestLog({ log, clientAddress }))
  app.use(securityHeaders({ issuer }))
  app.use(respondToErrors({ render, log }))
  app.use(router(routes))

  const throughKoa = app.callback()
  const mayGoOn = hostGuard(issuer)
  const answerDirectly = directRoutes({ issuer, log }, direct)

  return (request: IncomingMessage, response: ServerResponse): void => {
    if (!mayGoOn(request, response) || answerDirectly(request, response)) return
    throughKoa(request, response)
  }
}

/** Every URL that Koa or oidc-provider derives from a request begins with the issuer, whatever the request says. */
function fixOrigin(app: Koa, issuer: string): void {
  const { host, hostname, protocol } = new URL(issuer)
  const fixed = { host, hostname, origin: issuer, protocol: protocol.slice(0, -1), secure: protocol === 'https:' }
  for (const [name, value] of Object.entries(fixed)) {
    Object.defineProperty(app.request, name, { get: () => value })
  }
}
