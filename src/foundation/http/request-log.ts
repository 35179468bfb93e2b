import type Koa from 'koa'
import { nanoid } from 'nanoid'
import type { Logger } from 'pino'
import { logPath } from '#foundation/values/log-text.ts'
import type { ClientAddress } from './client-address.ts'
import { identifyRequest } from './request-state.ts'

/**
 * One JSON line for each request, without its query and with whatever in its path could open anything replaced. Gives
 * each request the id that error answers show.
 */
export function requestLog({ log, clientAddress }: { log: Logger; clientAddress: ClientAddress }): Koa.Middleware {
  return async (ctx, next) => {
    const started = performance.now()
    const id = nanoid()
    const address = clientAddress(ctx.req)
    identifyRequest(ctx, { id, address })
    ctx.set('X-Request-Id', id)
    try {
      await next()
    } finally {
      log.info(
        {
          requestId: id,
          method: ctx.method,
          path: logPath(ctx.path),
          status: ctx.status,
          ms: Math.round(performance.now() - started),
          ip: address,
        },
        'request',
      )
    }
  }
}
