import { hash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type Koa from 'koa'
import type { Route } from '#foundation/http/router.ts'
import type { RouteDeclaration } from '#surfaces/api-kit/api-route.ts'
import type { Endpoint } from './endpoint.ts'
import { operationOfEndpoint, operationOfRoute, parameterComponents, type Shared } from './operation.ts'
import type { Json } from './plain-schema.ts'
import { schemaCollection } from './schema-collection.ts'
import { securitySchemes } from './security-schemes.ts'
import { headerComponents, oauthError, problem } from './shared-answers.ts'
import { tagsOf } from './tags.ts'

export interface OpenApiParts {
  issuer: string
  routes: readonly RouteDeclaration[]
  endpoints: readonly Endpoint[]
}

export interface OpenApiDocument {
  openapi: string
  info: { title: string; version: string; description: string }
  servers: { url: string }[]
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Json>>
  components: Record<string, Record<string, Json>> & { schemas: Record<string, Json> }
}

/** The OpenAPI 3.1 document of these routes. A schema with a `.meta({ id })` becomes a component of that name. */
export function openApiDocument({ issuer, routes, endpoints }: OpenApiParts): OpenApiDocument {
  const collection = schemaCollection()
  const shared: Shared = { collection, responses: {} }
  for (const refusal of [problem, oauthError]) collection.schemaOf(refusal, 'output')
  const reads = new Map(routes.filter(({ method }) => method === 'GET').map((route) => [route.path, route]))
  const paths: Record<string, Record<string, Json>> = {}
  const put = (path: string, method: string, operation: Json) => {
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation }
  }
  for (const route of routes) {
    const operation = operationOfRoute(route, reads.get(route.path), shared)
    put(route.path, route.method, operation)
    for (const path of route.alsoAt ?? []) put(path, route.method, atOtherAddress(operation, route.path))
  }
  for (const endpoint of endpoints) put(endpoint.path, endpoint.method, operationOfEndpoint(endpoint, shared))
  return collection.named({
    openapi: '3.1.0',
    info: {
      title: 'Gatehouse',
      version: '1',
      summary: 'Sign-in, organizations, permissions and API keys',
      description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      contact: { name: 'Whoever runs this server', url: issuer },
    },
    externalDocs: { description: 'This document, to read', url: `${issuer}/docs` },
    servers: [{ url: issuer, description: 'This server' }],
    tags: tagsOf([...routes, ...endpoints]),
    paths,
    components: {
      parameters: parameterComponents,
      headers: headerComponents(),
      responses: shared.responses,
      securitySchemes: securitySchemes(issuer),
    },
  }) as unknown as OpenApiDocument
}

const description = `Gatehouse signs people in for products whose users belong to organizations, and answers who a credential
is, in which organization, and what it may do and see. This document describes its JSON API under \`/v1\` and the OAuth
endpoints that programs call. What browsers open is found through \`/.well-known/openid-configuration\`.

- **Errors** are problem details (RFC 9457) with a stable \`code\`. What belongs to another organization is \`not_found\`.
- **Lists** are pages, newest first: pass \`next_cursor\` on as \`cursor\` until it is null.
- **Edits** take \`If-Match\` with the \`ETag\` of the read; a \`POST\` takes \`Idempotency-Key\`.
- **Unknown fields and parameters**, and empty parameters, are refused with \`validation_failed\`. Answers may get more fields: ignore those that
  you do not know.`

function atOtherAddress(operation: Json, path: string): Json {
  return {
    ...operation,
    operationId: `${operation.operationId}AtShortAddress`,
    summary: `${operation.summary} (short address)`,
    description: `The same as \`${path}\`. ${operation.description}`,
  }
}

const fiveMinutes = 'public, max-age=300'

/** `/openapi.json`: the API as its own routes declare it. */
export function openApiRoute(document: OpenApiDocument): Route {
  const text = JSON.stringify(document)
  const compressed = gzipSync(text)
  const etag = `W/"${hash('sha256', text, 'hex').slice(0, 12)}"`
  return [
    'GET',
    '/openapi.json',
    (ctx: Koa.Context) => {
      ctx.status = 200
      ctx.set({ 'Cache-Control': fiveMinutes, ETag: etag, Vary: 'Accept-Encoding', 'Access-Control-Allow-Origin': '*' })
      ctx.type = 'application/json'
      if (ctx.fresh) {
        ctx.status = 304
        return
      }
      const takesGzip = ctx.acceptsEncodings('gzip', 'identity') === 'gzip'
      if (takesGzip) ctx.set('Content-Encoding', 'gzip')
      ctx.body = takesGzip ? compressed : text
    },
  ]
}
