import { z } from 'zod'
import type { ErrorCode } from '#foundation/errors.ts'
import { statusOfCode, titles } from '#foundation/http/problem-details.ts'
import type { Route } from '#foundation/http/router.ts'
import type { RouteDeclaration } from './api-route.ts'
import { type Keys, type Right, rights, type Who } from './rights.ts'

type Json = Record<string, unknown>

/** `/openapi.json`: the API as its own routes declare it. */
export function openApi(options: { issuer: string; routes: readonly RouteDeclaration[] }): Route[] {
  const document = JSON.stringify(openApiDocument(options))
  return [
    [
      'GET',
      '/openapi.json',
      (ctx) => {
        ctx.set('Cache-Control', 'public, max-age=300')
        ctx.type = 'application/json'
        ctx.body = document
      },
    ],
  ]
}

/** The OpenAPI 3.1 document of these routes. A schema with a `.meta({ id })` becomes a component of that name. */
export function openApiDocument({ issuer, routes }: { issuer: string; routes: readonly RouteDeclaration[] }) {
  const schemas: Json = {}
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route, schemas) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Gatehouse',
      version: '1',
      description:
        'Sign-in, organizations, permissions and API keys. OAuth 2.0 and OpenID Connect endpoints are described by ' +
        '`/.well-known/openid-configuration`.',
    },
    servers: [{ url: issuer }],
    paths,
    components: {
      schemas: { ...schemas, Problem: hoisted(z.toJSONSchema(problem), schemas) },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An access token or an API key' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
  }
}

const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What a person may read about it'),
    code: z.string().describe('Stable: for programs to decide by'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('The fields at fault'),
    request_id: z.string().optional(),
  })
  .describe('Problem details (RFC 9457)')

function operation(route: RouteDeclaration, schemas: Json): Json {
  return {
    operationId: route.name,
    summary: route.summary,
    ...described(route),
    tags: route.tags,
    security: securityOf(rights[route.name]),
    parameters: [...pathParameters(route, schemas), ...queryParameters(route, schemas)],
    ...(route.body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: toSchema(route.body, 'input', schemas) } },
      },
    }),
    responses: { ...success(route, schemas), ...failures(route) },
  }
}

/** What a route says of itself, and what it asks of an API key. */
function described({ name, description }: RouteDeclaration): Json {
  const { who, keys } = rights[name]
  const text = [description, ofWhom[who], ofKeys[keys]].filter(Boolean).join(' ')
  return text ? { description: text } : {}
}

const ofWhom: Record<Who, string> = {
  anyone: '',
  bearer: '',
  person: '',
  member: 'For members of the organization.',
  admin: 'For administrators of the organization.',
  superadmin: 'For superadmins.',
}

const ofKeys: Record<Keys, string> = {
  every: '',
  administration: 'An API key needs `administration`.',
  never: 'Not with an API key.',
}

function securityOf({ who, keys }: Right): Json[] {
  if (who === 'anyone') return []
  return keys === 'never' ? [{ bearer: [] }] : [{ bearer: [] }, { apiKey: [] }]
}

function success({ answer, status, downloads = {} }: RouteDeclaration, schemas: Json): Json {
  if (!answer) return { [status ?? 204]: { description: 'Done' } }
  const content = { 'application/json': { schema: toSchema(answer, 'output', schemas) } }
  const files = Object.entries(downloads).map(([type, { description }]) => [
    type,
    { schema: { type: 'string', description } },
  ])
  return {
    [status ?? 200]: {
      description: answer.description ?? 'Done',
      content: { ...content, ...Object.fromEntries(files) },
    },
  }
}

function failures(route: RouteDeclaration): Json {
  const codes = new Set<ErrorCode>(['invalid_request', 'validation_failed', ...(route.errors ?? [])])
  const { who, keys }: Right = rights[route.name] as Right
  if (who !== 'anyone') codes.add('authentication_required')
  if (keys !== 'every' || !['anyone', 'bearer'].includes(who)) codes.add('permission_denied')
  if (who === 'admin' || who === 'member') codes.add('not_found')
  if (['PATCH', 'PUT', 'DELETE'].includes(route.method)) codes.add('precondition_failed')
  const byStatus = Map.groupBy(codes, (code) => statusOfCode[code])
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => {
      const description = list.map((code) => `${titles[code]} (\`${code}\`)`).join(', ')
      return [status, { description, content }]
    }),
  )
}

function pathParameters({ path, params }: RouteDeclaration, schemas: Json): Json[] {
  const { properties = {} } = params ? toSchema(params, 'input', schemas) : {}
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: (properties as Json)[name] ?? { type: 'string' },
  }))
}

function queryParameters({ query }: RouteDeclaration, schemas: Json): Json[] {
  if (!query) return []
  // The output says what a coerced number is, the input what may be left out and what is made into something else.
  const { properties = {} } = toSchema(query, 'output', schemas)
  const { properties: inputs = {}, required = [] } = toSchema(query, 'input', schemas)
  return Object.entries(properties as Record<string, Json>).map(([name, schema]) => ({
    name,
    in: 'query',
    required: (required as string[]).includes(name),
    schema: Object.keys(schema).length > 0 ? schema : (inputs as Json)[name],
  }))
}

function toSchema(schema: z.ZodType, io: 'input' | 'output', schemas: Json): Json {
  const override = ({ jsonSchema }: { jsonSchema: Json }) => {
    // An answer may have more fields some day: no generated client shall refuse them.
    if (io === 'output') delete jsonSchema.additionalProperties
  }
  return hoisted(z.toJSONSchema(schema, { io, override, unrepresentable: 'any' }), schemas)
}

/** Moves what zod puts into `$defs` to the components, where every route shares it. */
function hoisted(schema: Json, schemas: Json): Json {
  const {
    $schema: _,
    $defs = {},
    ...rest
  } = JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json
  Object.assign(schemas, $defs)
  return rest
}
