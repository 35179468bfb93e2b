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
 * Serves a table of routes. Paths match exactly: no other case, no slash at the end, and a segment written out wins over
 * a `:name`. HEAD goes to the handler of GET (RFC 9110 §9.3.2).
 * @returns the last middleware of an application: a path that no route has is left unanswered
 * @throws GatehouseError method_not_allowed for a path that has other methods, which `Allow` names (RFC 9110 §15.5.6)
 */
export function router(routes: readonly Route[]): Koa.Middleware {
  const places = [...Map.groupBy(routes, ([, path]) => path)].map(([path, rows]) => placeOf(path, rows))
  const written = new Map(places.filter(({ names }) => names.length === 0).map((place) => [place.path, place]))
  const named = places.filter(({ names }) => names.length > 0)

  return async (ctx) => {
    const found = [written.get(ctx.path) ?? [], named.filter(({ pattern }) => pattern.test(ctx.path))].flat()
    if (found.length === 0) return
    const method = ctx.method === 'HEAD' ? 'GET' : ctx.method
    const place = found.find(({ handlers }) => handlers.has(method))
    const handler = place?.handlers.get(method)
    if (!place || !handler) {
      ctx.set('Allow', [...new Set(found.flatMap(allowedAt))].join(', '))
      throw new GatehouseError('method_not_allowed', `${ctx.method} is not answered at this address.`)
    }
    ctx.params = paramsOf(place, ctx.path)
    await handler(ctx)
  }
}

/** All that there is at one path. */
interface Place {
  path: string
  pattern: RegExp
  names: string[]
  handlers: Map<string, RouteHandler>
}

function placeOf(path: string, rows: readonly Route[]): Place {
  const handlers = new Map(rows.map(([method, , handler]) => [method, handler]))
  if (handlers.size < rows.length) throw new Error(`two routes for one method of ${path}`)
  const segments = path.split('/')
  const names = segments.filter(isName).map((segment) => segment.slice(1))
  const pattern = segments.map((segment) => (isName(segment) ? '([^/]+)' : segment.replaceAll('.', '\\.'))).join('/')
  return { path, pattern: new RegExp(`^${pattern}$`), names, handlers }
}

function isName(segment: string): boolean {
  return segment.startsWith(':')
}

function allowedAt({ handlers }: Place): string[] {
  return [...handlers.keys()].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
}

function paramsOf({ names, pattern }: Place, path: string): Record<string, string> {
  const values = pattern.exec(path)?.slice(1) ?? []
  return Object.fromEntries(names.map((name, index) => [name, decoded(values[index] ?? '')]))
}

/** What is no percent-encoding stands for itself: no name of ours is written so. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
