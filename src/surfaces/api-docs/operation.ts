import type { z } from 'zod'
import type { ErrorCode } from '#foundation/errors.ts'
import type { RouteDeclaration } from '#surfaces/api-kit/api-route.ts'
import { type Keys, type Right, rights, type Who } from '#surfaces/api-kit/rights.ts'
import type { Endpoint } from './endpoint.ts'
import { exampleOf } from './example.ts'
import { wordsOf } from './field-words.ts'
import type { Json } from './plain-schema.ts'
import type { SchemaCollection } from './schema-collection.ts'
import type { SecurityScheme } from './security-schemes.ts'
import { headersCalled, oauthRefusals, refusals } from './shared-answers.ts'

/** What the operations of one document share. */
export interface Shared {
  collection: SchemaCollection
  /** `components.responses`, filled as operations need them. */
  responses: Record<string, Json>
}

/** The operation object of a route of the kit. @param read the GET at the same address */
export function operationOfRoute(route: RouteDeclaration, read: RouteDeclaration | undefined, shared: Shared): Json {
  const right = rights[route.name]
  const { name, summary, tags, description, params, query, body } = route
  return {
    operationId: name,
    summary,
    description: [description, ofWhom[right.who], ofKeys[right.keys]].filter(Boolean).join(' ') || `${summary}.`,
    tags,
    security: alternatives(securityOf(right)),
    parameters: [
      ...pathParameters(route.path, params, shared),
      ...queryParameters(query, shared).map(neverEmpty),
      ...headerParameters(route, read, right),
    ],
    ...(body && { requestBody: bodyOf(body, 'application/json', name, shared) }),
    responses: { ...successOf(route, read, shared), ...refusals(codesOf(route, read, right), shared.responses) },
  }
}

/** The operation object of any other endpoint. */
export function operationOfEndpoint(endpoint: Endpoint, shared: Shared): Json {
  const { name, summary, description, tags, security, query, form, answers, errors = [], oauthErrors = [] } = endpoint
  return {
    operationId: name,
    summary,
    description: description ?? `${summary}.`,
    tags,
    security: alternatives(security),
    parameters: queryParameters(query, shared),
    ...(form && { requestBody: bodyOf(form, 'application/x-www-form-urlencoded', name, shared) }),
    responses: {
      ...refusals(errors, shared.responses),
      ...oauthRefusals(oauthErrors, shared.responses),
      ...Object.fromEntries(
        Object.entries(answers).map(
          ([status, { description, answer, mediaType = 'application/json', headers = [] }]) => [
            status,
            {
              description,
              ...(headers.length > 0 && headersCalled(headers)),
              ...(answer && { content: { [mediaType]: media(answer, 'output', shared) } }),
            },
          ],
        ),
      ),
    },
  }
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

function securityOf({ who, keys }: Right): SecurityScheme[] {
  if (who === 'anyone') return []
  return keys === 'never' ? ['oauth2', 'bearer'] : ['oauth2', 'bearer', 'apiKey']
}

function alternatives(schemes: readonly SecurityScheme[]): Json[] {
  return schemes.map((scheme) => ({ [scheme]: [] }))
}

function codesOf(route: RouteDeclaration, read: RouteDeclaration | undefined, { who, keys }: Right): ErrorCode[] {
  const codes: ErrorCode[] = [
    'invalid_request',
    'validation_failed',
    'temporarily_unavailable',
    ...(route.errors ?? []),
  ]
  if (who !== 'anyone') codes.push('authentication_required')
  if (keys !== 'every' || !['anyone', 'bearer'].includes(who)) codes.push('permission_denied')
  // What the path names may not be there, or not for this caller.
  if (who !== 'anyone' && route.path.includes('{')) codes.push('not_found')
  if (route.body) codes.push('unsupported_media_type')
  if (isEditOf(route, read)) codes.push('precondition_failed')
  if (route.secret && isRepeatable(route)) codes.push('conflict')
  return codes
}

/** Whether `If-Match` is compared with what is read at the same address. */
function isEditOf({ method }: RouteDeclaration, read: RouteDeclaration | undefined): boolean {
  return read !== undefined && ['PATCH', 'PUT', 'DELETE'].includes(method)
}

function isRepeatable({ name, method, transaction }: RouteDeclaration): boolean {
  return method === 'POST' && transaction !== 'own' && rights[name].who !== 'anyone'
}

function headerParameters(route: RouteDeclaration, read: RouteDeclaration | undefined, { who }: Right): Json[] {
  const names = [
    ...(isEditOf(route, read) ? ['IfMatch'] : []),
    ...(route.method === 'GET' && hasTag(route, read) ? ['IfNoneMatch'] : []),
    ...(who !== 'anyone' && isRepeatable(route) ? ['IdempotencyKey'] : []),
  ]
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }))
}

/** `components.parameters`. */
export const parameterComponents: Record<string, Json> = {
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    required: false,
    description: 'The `ETag` of the read that this edit is based on: 412 when it has changed since (RFC 9110 §13.1.1)',
    schema: { type: 'string' },
    example: '"Gk3xR0aVtq1"',
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    required: false,
    description: 'The `ETag` of an earlier read: 304 without a body when nothing has changed (RFC 9110 §13.1.2)',
    schema: { type: 'string' },
    example: '"Gk3xR0aVtq1"',
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description:
      'Any text that is new for each request, such as a UUID. The same request under the same key is done once: a repeat ' +
      'gets the first answer for a day, one that holds a secret for ten minutes and then 409. Another request under it is 422.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    example: '8e03978e-40d5-43e8-bc93-6894a57f9324',
  },
}

/** An object that is read has a tag wherever it is answered; a list has none. */
function hasTag({ answer }: RouteDeclaration, read: RouteDeclaration | undefined): boolean {
  if (!answer || read?.answer !== answer || read.changesState) return false
  return !('shape' in answer.def) || !('next_cursor' in (answer.def.shape as object))
}

function successOf(route: RouteDeclaration, read: RouteDeclaration | undefined, shared: Shared): Json {
  const { answer, status, downloads = {}, method } = route
  if (!answer) return { [status ?? 204]: { description: 'Done', ...headersCalled(['X-Request-Id']) } }
  const tagged = hasTag(route, read)
  const files = Object.entries(downloads).map(([type, { description }]) => [
    type,
    { schema: { type: 'string', description } },
  ])
  const content = { 'application/json': media(answer, 'output', shared), ...Object.fromEntries(files) }
  const headers = headersCalled(tagged ? ['ETag', 'X-Request-Id'] : ['X-Request-Id'])
  return {
    [status ?? 200]: { description: route.answer?.description ?? 'Done', ...headers, content },
    ...(tagged &&
      method === 'GET' && { 304: { description: 'Nothing has changed since `If-None-Match`', ...headers } }),
  }
}

function bodyOf(schema: z.ZodType, mediaType: string, owner: string, shared: Shared): Json {
  return { required: true, content: { [mediaType]: media(schema, 'input', shared, owner) } }
}

function media(schema: z.ZodType, io: 'input' | 'output', { collection }: Shared, owner = ''): Json {
  const json = collection.schemaOf(schema, io, owner)
  const example = exampleOf(json, collection.schemas)
  return { schema: json, ...(example !== undefined && { example }) }
}

function pathParameters(path: string, params: z.ZodType | undefined, { collection }: Shared): Json[] {
  const { properties = {} } = params ? collection.schemaOf(params, 'input', 'path') : {}
  const declared = properties as Record<string, Json>
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => {
    const { description, example } = wordsOf('path', name)
    const schema = declared[name] ?? {
      type: 'string',
      description,
      ...(example !== undefined && { examples: [example] }),
    }
    return parameter(name, 'path', true, schema, collection)
  })
}

function queryParameters(query: z.ZodType | undefined, { collection }: Shared): Json[] {
  if (!query) return []
  const { properties: inputs = {}, required = [] } = collection.schemaOf(query, 'input', 'query')
  // What is coerced says only as output what it is.
  const { properties: outputs = {} } = collection.schemaOf(query, 'output', 'query')
  return Object.entries(inputs as Record<string, Json>).map(([name, schema]) => {
    const says = 'type' in schema || 'anyOf' in schema || '$ref' in schema
    const field = says ? schema : { ...schema, ...(outputs as Record<string, Json>)[name] }
    return parameter(name, 'query', (required as string[]).includes(name), field, collection)
  })
}

/** The kit refuses an empty parameter. */
function neverEmpty(parameter: Json): Json {
  const schema = parameter.schema as Json
  return schema.type === 'string' && !schema.enum ? { ...parameter, schema: { minLength: 1, ...schema } } : parameter
}

function parameter(name: string, place: string, required: boolean, field: Json, { schemas }: SchemaCollection): Json {
  const { description, examples, ...schema } = field
  const example = exampleOf(field, schemas)
  return {
    name,
    in: place,
    required,
    ...(description !== undefined && { description }),
    schema,
    ...(example !== undefined && { example }),
  }
}
