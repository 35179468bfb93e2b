import type Koa from 'koa'

/**
 * Sends the browser on with a GET, as after a form: reloading the page that it arrives at sends nothing twice (RFC 9110
 * §15.4.4).
 */
export function seeOther(ctx: Koa.Context, location: string): undefined {
  ctx.status = 303
  ctx.redirect(location)
}
