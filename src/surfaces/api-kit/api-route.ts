import type Koa from 'koa'
import { z } from 'zod'
import { type ErrorCode, GatehouseError } from '#foundation/errors.ts'
import { parse } from '#foundation/http/parse.ts'
import { parseForm } from '#foundation/http/read-form.ts'
import type { Route } from '#foundation/http/router.ts'
import type { AuthenticatedCaller, RequireCaller } from './authenticated-caller.ts'
import { sendDownload } from './download.ts'
import { readJson } from './read-json.ts'

/** What a route says about itself: requests are checked, answers are shaped and `/openapi.json` is written from it. */
export interface RouteDeclaration {
  /** The operation's name in `/openapi.json`, from which generators make a function: `createTeam`. */
  name: string
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As OpenAPI writes it: `/v1/organizations/{org}/teams/{team}`. */
  path: string
  /** Other addresses of the same route. */
  alsoAt?: string[]
  summary: string
  description?: string
  tags: [string, ...string[]]
  /** Whether a request without an access token or API key is answered with 401 before anything else is looked at. */
  credential: 'required' | 'none'
  /**
   * Of a route that changes something: which API keys may use it. Those made for administration, unless said otherwise;
   * `never`: a signed-in person does it, or a token of theirs.
   */
  apiKeys?: 'administration' | 'never'
  /** Of a GET: one that isn't safe, so that HEAD and prefetching are refused. */
  changesState?: boolean
  /** Strings come in, so numbers are `z.coerce.number()`. Nothing but these is accepted. */
  params?: z.ZodType
  query?: z.ZodType
  /** `z.strictObject(…)`: an unknown field is 422. */
  body?: z.ZodType
  /** Whatever it does not name stays here. */
  answer?: z.ZodType
  /** The answer as a file, for callers that accept its media type rather than JSON. */
  downloads?: Record<string, { description: string; filename: string }>
  /** Absent: 200 with an answer, 204 without. */
  status?: 200 | 201 | 202
  /** The refusals that are this route's own; those that follow from the declaration are added. */
  errors?: ErrorCode[]
}

export interface ApiRequest<Params, Query, Body, Caller> {
  params: Params
  query: Query
  body: Body
  /** Who asks; undefined where no credential is required. */
  caller: Caller
  ip: string
  userAgent: string | undefined
}

/** A file in place of a JSON answer, made while it is sent. */
export interface Download<Request> {
  description: string
  filename: string
  /** Refuses before the first chunk, by throwing a GatehouseError. */
  stream(request: Request): Promise<AsyncIterable<string>>
}

export interface ApiRoute extends RouteDeclaration {
  downloads?: Record<string, Download<ApiRequest<unknown, unknown, unknown, unknown>>>
  handle(request: ApiRequest<unknown, unknown, unknown, unknown>): Promise<unknown>
}

interface TypedRoute<Credential extends 'required' | 'none', Params, Query, Body, Answer> extends RouteDeclaration {
  credential: Credential
  params?: z.ZodType<Params>
  query?: z.ZodType<Query>
  body?: z.ZodType<Body>
  answer?: z.ZodType<unknown, Answer>
  downloads?: Record<string, Download<TypedRequest<Credential, Params, Query, Body>>>
  handle(request: TypedRequest<Credential, Params, Query, Body>): Promise<Answer>
}

type TypedRequest<Credential, Params, Query, Body> = ApiRequest<
  Params,
  Query,
  Body,
  Credential extends 'required' ? AuthenticatedCaller : undefined
>

/**
 * One route of the JSON API, typed by its schemas. Each concept exports its routes as a table, which
 * `server.ts` hands to the application:
 *
 * ```ts
 * const team = z.object({ id: z.string(), name: z.string() }).meta({ id: 'Team' })   // named in /openapi.json
 *
 * export const teamApi = ({ db }: { db: Queryable }): ApiRoute[] => [
 *   apiRoute({
 *     name: 'createTeam',
 *     method: 'POST',
 *     path: '/v1/organizations/{org}/teams',
 *     summary: 'Create a team',
 *     tags: ['Teams'],
 *     credential: 'required',
 *     params: z.strictObject({ org: z.string() }),
 *     body: z.strictObject({ name: displayName }),
 *     status: 201,
 *     answer: team,
 *     errors: ['permission_denied', 'not_found', 'conflict'],
 *     handle: ({ caller, params, body }) => createTeam(db, { caller, organization: params.org, ...body }),
 *   }),
 * ]
 * ```
 *
 * `handle` gets what the schemas made of the request and returns what the answer's schema shapes; it refuses by throwing
 * a GatehouseError.
 */
export function apiRoute<Credential extends 'required' | 'none', Params, Query, Body, Answer>(
  route: TypedRoute<Credential, Params, Query, Body, Answer>,
): ApiRoute {
  return route as ApiRoute
}

export interface ApiParts {
  requireCaller: RequireCaller
  clientAddress: (request: Koa.Context['req']) => string
}

/** The routes as the router serves them. */
export function apiRoutes(routes: readonly ApiRoute[], parts: ApiParts): Route[] {
  return routes.flatMap((route) =>
    [route.path, ...(route.alsoAt ?? [])].map(
      (path): Route => [route.method, path.replace(/\{(\w+)\}/g, ':$1'), (ctx) => answer(route, parts, ctx)],
    ),
  )
}

async function answer(route: ApiRoute, { requireCaller, clientAddress }: ApiParts, ctx: Koa.Context): Promise<void> {
  if (route.changesState) refuseToLookAhead(ctx)
  const caller = route.credential === 'required' ? await requireCaller(ctx) : undefined
  if (caller) requireMayChange(route, caller)
  const request = {
    caller,
    params: route.params ? parse(route.params, ctx.params) : ctx.params,
    query: parse(route.query ?? nothing, queryOf(ctx)),
    body: route.body && parse(route.body, await readJson(ctx.req)),
    ip: clientAddress(ctx.req),
    userAgent: ctx.get('user-agent') || undefined,
  }
  const mediaType = preferredDownload(route, ctx)
  const download = mediaType && route.downloads?.[mediaType]
  if (download) {
    sendDownload(ctx, { mediaType, filename: download.filename }, await download.stream(request))
    return
  }
  const result = await route.handle(request)
  ctx.body = route.answer ? route.answer.parse(result) : ''
  ctx.status = route.status ?? (route.answer ? 200 : 204)
}

/** @throws GatehouseError permission_denied for an API key that may not use a route that changes something */
function requireMayChange({ method, apiKeys }: ApiRoute, { credential }: AuthenticatedCaller): void {
  if (method === 'GET' || credential.kind !== 'api_key') return
  if (apiKeys === 'never') {
    throw new GatehouseError('permission_denied', 'An API key can’t do this. Sign in, or use an access token.')
  }
  if (credential.administration) return
  throw new GatehouseError(
    'permission_denied',
    'This API key was not made for administration: it changes nothing here.',
  )
}

/** The media type that the caller would rather have than JSON; a caller that accepts anything gets JSON. */
function preferredDownload({ downloads }: ApiRoute, ctx: Koa.Context): string | undefined {
  if (!downloads) return undefined
  ctx.vary('Accept')
  return ctx.accepts('application/json', ...Object.keys(downloads)) || undefined
}

const nothing = z.strictObject({})

/** No parameter twice; an empty one counts as absent. An API key in the query is a credential, not a parameter. */
function queryOf(ctx: Koa.Context): Record<string, string | undefined> {
  const { ApiKey: _, ...query } = parseForm(ctx.querystring)
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''))
}

/** A request that only looks what would be there (a link checker, a browser fetching ahead) changes nothing. */
function refuseToLookAhead(ctx: Koa.Context): void {
  const purpose = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].map((name) => ctx.get(name)).join()
  if (ctx.method === 'HEAD' || /prefetch|prerender|preview/i.test(purpose)) {
    throw new GatehouseError('invalid_request', 'This address changes something: HEAD and prefetching are refused.')
  }
}
