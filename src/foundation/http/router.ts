import Router from '@koa/router'
import type Koa from 'koa'
import { GatehouseError } from '#foundation/errors.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'

export type RouteHandler = (ctx: Koa.Context) => unknown

/**
 * `['GET', '/o/:slug', showLogin]`. A `:name` stands for one segment of the path, which the handler finds decoded in
 * `ctx.params`.
 */
export type Route = readonly [method: Method, path: string, handler: RouteHandler]

/**
 * Serves a table of routes. Paths match exactly: no other case, no slash at the end, and a path written out wins over one
 * with a `:name`. HEAD goes to the handler of GET (RFC 9110 §9.3.2).
 * @returns the last middleware of an application: a path that no route has is left unanswered
 * @throws GatehouseError method_not_allowed for a path that has other methods, which `Allow` names (RFC 9110 §15.5.6)
 */
export function router(routes: readonly Route[]): Koa.Middleware {
  const table = new Router({ sensitive: true, strict: true })
  const [named, written] = [routes.filter(hasNames), routes.filter((route) => !hasNames(route))]
  for (const [method, path, handler] of [...written, ...named]) table.register(path, [method], (ctx) => handler(ctx))
  const dispatch = table.routes() as unknown as Koa.Middleware
  // A path written out is found by itself: the table compares one after the other with each request.
  const direct = new Map<string, RouteHandler>()
  for (const [method, path, handler] of [...written].reverse()) direct.set(`${method} ${path}`, handler)

  return async (ctx, next) => {
    const handler = direct.get(`${ctx.method === 'HEAD' ? 'GET' : ctx.method} ${ctx.path}`)
    if (handler) {
      ctx.params = {}
      await handler(ctx)
      return
    }
    const { path: found, route } = table.match(ctx.path, ctx.method)
    if (found.length > 0 && !route) {
      ctx.set('Allow', [...new Set(found.flatMap(({ methods }) => methods))].join(', '))
      throw new GatehouseError('method_not_allowed', `${ctx.method} is not answered at this address.`)
    }
    await dispatch(ctx, next)
  }
}

function hasNames([, path]: Route): boolean {
  return path.includes('/:')
}
