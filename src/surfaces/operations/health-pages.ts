import type { Route } from '#foundation/http/router.ts'

/** What a node can do: all of its work, all but signing people in (Redis is away), or nothing. */
export type Readiness = 'ok' | 'degraded' | 'unavailable'

/**
 * `/healthz`: the process answers. `/readyz`: a load balancer may send it work; 503 while it drains or has no database.
 * Without Redis it stays in: tokens are introspected and refreshed from the database, and every other node lacks it too.
 */
export function healthPages({ readiness }: { readiness: () => Promise<Readiness> }): Route[] {
  return [
    ['GET', '/healthz', (ctx) => (ctx.body = { status: 'ok' })],
    [
      'GET',
      '/readyz',
      async (ctx) => {
        const status = await readiness()
        ctx.status = status === 'unavailable' ? 503 : 200
        ctx.body = { status }
      },
    ],
  ]
}
