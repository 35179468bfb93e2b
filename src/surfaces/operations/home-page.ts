import type { Route } from '#foundation/http/router.ts'
import type { Render } from '#surfaces/page-kit/render.ts'

/** `/`: what this server is, for a person who opens it in a browser. */
export function homePage({ issuer, render, demo }: { issuer: string; render: Render; demo: boolean }): Route[] {
  return [['GET', '/', (ctx) => render(ctx, 'operations/home', { issuer, demo })]]
}
