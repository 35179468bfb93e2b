import Router from '@koa/router'
import type Koa from 'koa'

/**
 * `/healthz`: the process answers. `/readyz`: it can do its work, so that a load balancer sends it some; 503 while it
 * drains or cannot reach what it needs.
 */
export function healthPages({ isReady }: { isReady: () => Promise<boolean> }): Koa.Middleware {
  const router = new Router()
  router.get('/healthz', (ctx) => {
    ctx.body = { status: 'ok' }
  })
  router.get('/readyz', async (ctx) => {
    const ready = await isReady()
    ctx.status = ready ? 200 : 503
    ctx.body = { status: ready ? 'ok' : 'unavailable' }
  })
  return router.routes() as unknown as Koa.Middleware
}
