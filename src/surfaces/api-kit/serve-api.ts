import type Koa from 'koa'
import { z } from 'zod'
import { requireSuperadmin } from '#directory/users/actor.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { parse } from '#foundation/http/parse.ts'
import { parseForm } from '#foundation/http/read-form.ts'
import type { Route } from '#foundation/http/router.ts'
import { actorOf } from './acting-caller.ts'
import { answerOnce, idempotencyKeyOf } from './answer-once.ts'
import type { Answer, ApiRoute } from './api-route.ts'
import type { AuthenticatedCaller, RequireCaller } from './authenticated-caller.ts'
import { sendDownload } from './download.ts'
import { etagOf, requireMatch } from './etag.ts'
import { requireManagedOrganization, requireOwnOrganization } from './managed-organization.ts'
import { readJson } from './read-json.ts'
import { type Right, rights } from './rights.ts'

export interface AnsweringParts {
  db: Queryable
  encryption: Encryption
  requireCaller: RequireCaller
  clientAddress: (request: Koa.Context['req']) => string
}

/** A route, and the one that reads what it changes: the GET of the same path. */
interface Answering {
  route: ApiRoute
  read: ApiRoute | undefined
}

/** The routes as the router serves them. */
export function apiRoutes(routes: readonly ApiRoute[], parts: AnsweringParts): Route[] {
  const reads = new Map(routes.filter(({ method }) => method === 'GET').map((route) => [route.path, route]))
  return routes.flatMap((route) =>
    [route.path, ...(route.alsoAt ?? [])].map(
      (path): Route => [
        route.method,
        path.replace(/\{(\w+)\}/g, ':$1'),
        (ctx) => answer({ route, read: reads.get(route.path) }, parts, ctx),
      ],
    ),
  )
}

/** Answers one request of the JSON API: who, whether, what, and only then how. */
async function answer(answering: Answering, parts: AnsweringParts, ctx: Koa.Context): Promise<void> {
  const { route } = answering
  if (route.changesState) refuseToLookAhead(ctx)
  const request = await identified(route, parts, ctx)
  const found = await route.find?.(request)
  const body = route.body && parse(route.body, await readJson(ctx.req))
  const mediaType = preferredDownload(route, ctx)
  const download = mediaType && route.downloads?.[mediaType]
  if (download) {
    sendDownload(ctx, { mediaType, filename: download.filename }, await download.stream({ ...request, found }))
    return
  }
  send(ctx, await handled(answering, parts, ctx, { ...request, found, body }))
}

/** Who asks for what, as far as the path and the query tell. */
async function identified(route: ApiRoute, parts: AnsweringParts, ctx: Koa.Context) {
  const right: Right = rights[route.name]
  const { db, requireCaller, clientAddress } = parts
  const caller = right.who === 'anyone' ? undefined : await requireCaller(ctx)
  if (caller) requireKeyMay(right, caller)
  const who = caller && right.who !== 'bearer' ? await personOf(db, right, caller, ctx.params.org) : {}
  const params = route.params ? parse(route.params, ctx.params) : ctx.params
  const query = parse(route.query ?? nothing, queryOf(ctx))
  const ip = clientAddress(ctx.req)
  const request = { db, caller, ...who, params, query, ip, userAgent: ctx.get('user-agent') || undefined }
  return request as unknown as Parameters<ApiRoute['handle']>[0]
}

/** @throws GatehouseError permission_denied for an API key that may not use the route */
function requireKeyMay({ keys }: Right, { credential }: AuthenticatedCaller): void {
  if (keys === 'every' || credential.kind !== 'api_key') return
  if (keys === 'never') {
    throw new GatehouseError('permission_denied', 'An API key can’t do this. Sign in, or use an access token.')
  }
  if (credential.administration) return
  throw new GatehouseError(
    'permission_denied',
    'This API key was not made for administration: it changes nothing here.',
  )
}

/** The person, and the organization of the path, as far as the right is about them. */
async function personOf(db: Queryable, { who }: Right, caller: AuthenticatedCaller, named: string | undefined) {
  const actor = await actorOf(db, caller)
  const org = named ?? actor.organizationId
  if (who === 'admin') return { actor, organization: await requireManagedOrganization(db, actor, org) }
  if (who === 'member') return { actor, organization: await requireOwnOrganization(db, actor, org) }
  if (who === 'superadmin') requireSuperadmin(actor)
  // With a token that an application was given, it could give itself all that its user may do.
  else if (!caller.credential.firstParty) {
    throw new GatehouseError('permission_denied', 'This application may not do this in your name.')
  }
  return { actor }
}

type Handled = Parameters<ApiRoute['handle']>[0]

/** A change and what depends on it are one transaction: its precondition, its audit event, the answer kept for a repeat. */
function handled(
  { route, read }: Answering,
  parts: AnsweringParts,
  ctx: Koa.Context,
  request: Handled,
): Promise<Answer> {
  const run = async (db: Queryable): Promise<Answer> => answerOf(route, await route.handle({ ...request, db }), read)
  if (route.method === 'GET' || route.transaction === 'own' || rights[route.name].who === 'anyone') return run(parts.db)
  return inTransaction(parts.db, async (db) => {
    if (route.method !== 'POST') {
      const ifMatch = ctx.get('if-match')
      if (read) await lock(db, 'edit', organizationIdOf(request))
      if (ifMatch) requireMatch(ifMatch, read && (await currentEtag(read, { ...request, db })))
      return run(db)
    }
    const key = idempotencyKeyOf(ctx.get('idempotency-key'))
    if (key === undefined) return run(db)
    return answerOnce(db, { parts, route, request, key }, () => run(db))
  })
}

/** Edits of one organization's objects take turns, so that none slips between another's comparison and its change. */
function organizationIdOf({ organization }: { organization?: { id: string } | undefined }): string {
  return organization?.id ?? ''
}

/** Of what GET answers at this moment, in the transaction of an edit. */
async function currentEtag(read: ApiRoute, request: Handled): Promise<string | undefined> {
  const asked = { ...request, query: parse(read.query ?? nothing, {}) } as typeof request
  const found = await read.find?.(asked)
  return answerOf(read, await read.handle({ ...asked, found, body: undefined }), read).etag
}

function answerOf(route: ApiRoute, result: unknown, read: ApiRoute | undefined): Answer {
  const status = route.status ?? (route.answer ? 200 : 204)
  if (!route.answer) return { status, body: '' }
  const body = route.answer.parse(result)
  const isWhatIsRead = read?.answer === route.answer && !read.changesState && !isList(body)
  return { status, body, etag: isWhatIsRead ? etagOf(body, read.volatile) : undefined }
}

/** Who comes and goes in a list is no state of one object. */
function isList(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'next_cursor' in body
}

function send(ctx: Koa.Context, { status, body, etag }: Answer): void {
  ctx.body = body
  ctx.status = status
  if (etag === undefined) return
  ctx.set('ETag', etag)
  if (ctx.method === 'GET' && ctx.fresh) ctx.status = 304
}

/** The media type that the caller would rather have than JSON; a caller that accepts anything gets JSON. */
function preferredDownload({ downloads }: ApiRoute, ctx: Koa.Context): string | undefined {
  if (!downloads) return undefined
  ctx.vary('Accept')
  return ctx.accepts('application/json', ...Object.keys(downloads)) || undefined
}

const nothing = z.strictObject({})

/**
 * No parameter twice, and none that is empty: whether it means nothing or everything is what a filter may not leave open. An
 * API key in the query is a credential, not a parameter.
 */
function queryOf(ctx: Koa.Context): Record<string, string | undefined> {
  const { ApiKey: _, ...query } = parseForm(ctx.querystring)
  const fields = Object.keys(query)
    .filter((path) => query[path] === '')
    .map((path) => ({ path, message: 'must not be empty; leave it out' }))
  if (fields.length === 0) return query
  throw new GatehouseError('validation_failed', 'A parameter is empty.', { fields })
}

/** A request that only looks what would be there (a link checker, a browser fetching ahead) changes nothing. */
function refuseToLookAhead(ctx: Koa.Context): void {
  const purpose = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].map((name) => ctx.get(name)).join()
  if (ctx.method === 'HEAD' || /prefetch|prerender|preview/i.test(purpose)) {
    throw new GatehouseError('invalid_request', 'This address changes something: HEAD and prefetching are refused.')
  }
}
