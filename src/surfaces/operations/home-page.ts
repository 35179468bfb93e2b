import Router from '@koa/router'
import type Koa from 'koa'
import type { Render } from '#surfaces/page-kit/render.ts'

/** `/`: what this server is, for whoever opens it in a browser. */
export function homePage({ issuer, render, demo }: { issuer: string; render: Render; demo: boolean }): Koa.Middleware {
  const router = new Router()
  router.get('/', (ctx) => render(ctx, 'operations/home', { issuer, demo }))
  return router.routes() as unknown as Koa.Middleware
}
