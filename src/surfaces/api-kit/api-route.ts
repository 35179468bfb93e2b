import type { z } from 'zod'
import type { Actor } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import type { ErrorCode } from '#foundation/errors.ts'
import type { AuthenticatedCaller } from './authenticated-caller.ts'
import type { RouteName, Who, WhoOf } from './rights.ts'

/** What a route says about itself: requests are checked, answers are shaped and `/openapi.json` is written from it. */
export interface RouteDeclaration {
  /**
   * Who may use it stands in `rights.ts` under this name. It is the operation's name in `/openapi.json`, from which
   * generators make a function: `createTeam`.
   */
  name: RouteName
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As OpenAPI writes it: `/v1/organizations/{org}/teams/{team}`. */
  path: string
  /** Other addresses of the same route. */
  alsoAt?: string[]
  summary: string
  description?: string
  tags: [string, ...string[]]
  /** Of a GET: one that isn't safe, so that HEAD and prefetching are refused. */
  changesState?: boolean
  /**
   * `own`: the use case opens its transaction itself, since it hashes passwords or asks another server meanwhile. Else what
   * a changing route does is one transaction, with its precondition and the answer kept for an Idempotency-Key.
   */
  transaction?: 'own'
  /** The answer shows a secret, this once: kept for an Idempotency-Key it lasts for minutes. */
  secret?: boolean
  /** Members of a GET's answer that change without an edit, so that its ETag leaves them out: `last_used_at`. */
  volatile?: readonly string[]
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

/** What the kit has found out before a route is asked. */
export interface Request<W extends Who, Params, Query> {
  /** The route's transaction, where it changes something. Nothing else of a route asks the database. */
  db: Queryable
  caller: W extends 'anyone' ? undefined : AuthenticatedCaller
  /** The person behind the credential, with their rights of this moment. */
  actor: W extends 'anyone' | 'bearer' ? undefined : Actor
  /** That of `{org}` in the path. */
  organization: W extends 'member' | 'admin' ? Organization : undefined
  params: Params
  query: Query
  ip: string
  userAgent: string | undefined
}

/** What goes out, before it is put into a response. */
export interface Answer {
  status: number
  body: unknown
  etag?: string | undefined
}

/** A file in place of a JSON answer, made while it is sent. */
export interface Download<Request> {
  description: string
  filename: string
  /** Refuses before the first chunk, by throwing a GatehouseError. */
  stream(request: Request): Promise<AsyncIterable<string>>
}

type Untyped = Request<never, unknown, unknown>

/** A route as the kit runs it. */
export interface ApiRoute extends RouteDeclaration {
  downloads?: Record<string, Download<Untyped & { found: unknown }>>
  find?(request: Untyped): Promise<unknown>
  handle(request: Untyped & { found: unknown; body: unknown }): Promise<unknown>
}

interface TypedRoute<Name extends RouteName, Params, Query, Body, Answer, Found> extends RouteDeclaration {
  name: Name
  params?: z.ZodType<Params>
  query?: z.ZodType<Query>
  body?: z.ZodType<Body>
  answer?: z.ZodType<unknown, Answer>
  downloads?: Record<string, Download<Request<WhoOf<Name>, Params, Query> & { found: Found }>>
  /**
   * Looks for the object of the path before the body is read: whether it may be seen is decided first.
   * @throws GatehouseError not_found
   */
  find?(request: Request<WhoOf<Name>, Params, Query>): Promise<Found>
  handle(request: Request<WhoOf<Name>, Params, Query> & { found: Found; body: Body }): Promise<Answer>
}

/**
 * One route of the JSON API, typed by its schemas and by its row in `rights.ts`. Each concept exports its routes as a
 * table, which `routes.ts` hands to the application:
 *
 * ```ts
 * const team = z.object({ id: z.string(), name: z.string() }).meta({ id: 'Team' })   // named in /openapi.json
 *
 * export const teamApi = (): ApiRoute[] => [
 *   apiRoute({
 *     name: 'renameTeam',
 *     method: 'PATCH',
 *     path: '/v1/organizations/{org}/teams/{team}',
 *     summary: 'Rename a team',
 *     tags: ['Teams'],
 *     params: z.strictObject({ org: z.string(), team: z.string() }),
 *     body: z.strictObject({ name: displayName }),
 *     answer: team,
 *     errors: ['conflict'],
 *     find: ({ db, organization, params }) => requireTeam(db, organization.id, params.team),
 *     handle: ({ db, actor, organization, found, body }) => renameTeam(db, { actor, organization }, found, body),
 *   }),
 * ]
 * ```
 *
 * The kit asks for the credential, looks into `rights.ts`, finds the organization of the path, then the object, and only then
 * reads the body. `handle` gets what the schemas made of the request and returns what the answer's schema shapes; it
 * refuses by throwing a GatehouseError. A `PATCH`, `PUT` or `DELETE` at the address of a `GET` obeys `If-Match`, a `POST`
 * `Idempotency-Key`, without saying so.
 */
export function apiRoute<Name extends RouteName, Params, Query, Body, Answer, Found = undefined>(
  route: TypedRoute<Name, Params, Query, Body, Answer, Found>,
): ApiRoute {
  return route as unknown as ApiRoute
}
