import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { call } from '#support/api-requests.ts'
import {
  type Description,
  descriptionIn,
  type OpenApi,
  type Parameter,
  type Response,
  resolved,
  type Schema,
} from '#support/described-answers.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { openApiDocument } from '#surfaces/api-docs/openapi.ts'
import { apiRoute } from '#surfaces/api-kit/api-route.ts'

let gatehouse: Gatehouse
let document: OpenApi
let description: Description
beforeAll(async () => {
  gatehouse = await startGatehouse()
  document = (await call(gatehouse, '/openapi.json')).json as unknown as OpenApi
  description = descriptionIn(document)
})
afterAll(() => gatehouse.stop())

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )

const parametersOf = (parameters: Parameter[]) =>
  parameters.map((one) => (one.$ref ? resolved<Parameter>(document, one.$ref) : one))

test('is an OpenAPI 3.1 document about this server, for anybody to keep', async () => {
  const { status, headers } = await call(gatehouse, '/openapi.json')
  expect(status).toBe(200)
  expect(headers['content-type']).toMatch(/^application\/json/)
  expect(headers['cache-control']).toBe('public, max-age=300')
  expect(headers['access-control-allow-origin']).toBe('*')
  expect(document).toMatchObject({
    openapi: '3.1.0',
    info: { title: 'Gatehouse', license: { identifier: 'Apache-2.0' } },
    servers: [{ url: gatehouse.url }],
  })
  const { oauth2, ...others } = document.components.securitySchemes
  expect(oauth2).toMatchObject({ flows: { clientCredentials: { tokenUrl: `${gatehouse.url}/oauth/token` } } })
  expect(Object.keys(others)).toEqual(['bearer', 'apiKey', 'apiKeyHeader', 'apiKeyQuery', 'clientBasic'])
  const again = await call(gatehouse, '/openapi.json', { headers: { 'if-none-match': String(headers.etag) } })
  expect(again).toMatchObject({ status: 304, text: '' })
})

test('every reference leads somewhere, and every component is referred to', () => {
  const references = new Set(JSON.stringify(document).match(/(?<="\$ref":")#[^"]+/g))
  for (const reference of references) expect(resolved(document, reference), reference).toBeTypeOf('object')
  expect(JSON.stringify(document)).not.toMatch(/\$defs|@input/)
  const { schemas, parameters, responses, headers } = document.components
  for (const [kind, parts] of Object.entries({ schemas, parameters, responses, headers })) {
    for (const name of Object.keys(parts)) expect(references).toContain(`#/components/${kind}/${name}`)
  }
})

test('every operation is whole: an own name, words, a declared tag, its parameters, its answers', () => {
  const names = operations().map(({ operation }) => operation.operationId)
  expect(new Set(names).size).toBe(names.length)
  const tags = document.tags.map(({ name }) => name)
  for (const tag of document.tags) expect(tag.description).not.toBe(tag.name)
  for (const { path, operation } of operations()) {
    expect(operation.summary).toBeTruthy()
    expect(operation.description).toBeTruthy()
    expect(tags).toEqual(expect.arrayContaining(operation.tags))
    const inPath = parametersOf(operation.parameters).filter((parameter) => parameter.in === 'path')
    expect(inPath.map(({ name }) => name)).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
    for (const { required, schema } of inPath) {
      expect({ required, ...schema }).toMatchObject({ required: true, type: 'string' })
    }
    const statuses = Object.keys(operation.responses)
    expect(statuses.some((status) => status.startsWith('2'))).toBe(true)
    if (operation.security.length > 0) expect(statuses).toContain('401')
    if (path.startsWith('/v1/') && operation.operationId !== 'verify') {
      expect(statuses).toEqual(expect.arrayContaining(['400', '421', '422', '431', '500', '503']))
    }
    for (const response of Object.values(operation.responses)) {
      const { description } = response.$ref ? resolved<Response>(document, response.$ref) : response
      expect(description).toBeTruthy()
    }
  }
})

describe('words', () => {
  const saysLike = (field: Schema): boolean =>
    ['$ref', 'examples', 'enum', 'default', 'properties'].some((name) => name in field) ||
    ['boolean', 'object'].includes(String([field.type].flat()[0])) ||
    (field.items !== undefined && saysLike(field.items)) ||
    (field.anyOf?.some(saysLike) ?? false)

  function* fieldsWithoutWords(schema: Schema, at: string): Generator<string> {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      if (!field.$ref && !field.description) yield `${at}.${name} says not what it means`
      if (!saysLike(field)) yield `${at}.${name} says not what it looks like`
      yield* fieldsWithoutWords(field, `${at}.${name}`)
    }
    for (const inner of [schema.items, ...(schema.anyOf ?? [])]) if (inner) yield* fieldsWithoutWords(inner, at)
  }

  test('every field says what it means and what it looks like (field-words.ts, or its schema)', () => {
    const found: string[] = []
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      if (!schema.description) found.push(`${name} says not what it is`)
      found.push(...fieldsWithoutWords(schema, name))
    }
    for (const { operation } of operations()) {
      const { operationId, requestBody, responses } = operation
      const bodies = [requestBody, ...Object.values(responses)].flatMap((one) => Object.values(one?.content ?? {}))
      for (const { schema } of bodies) found.push(...fieldsWithoutWords(schema, operationId))
    }
    expect([...new Set(found)]).toEqual([])
  })

  test('every parameter says what it means and what it looks like', () => {
    for (const { operation } of operations()) {
      for (const { name, description, example, schema } of parametersOf(operation.parameters)) {
        expect(description, `${operation.operationId} ${name}`).toBeTruthy()
        expect(example, `${operation.operationId} ${name}`).toBeDefined()
        expect(schema.type ?? schema.anyOf, `${operation.operationId} ${name}`).toBeDefined()
      }
    }
  })

  test('every example is one', () => {
    const wrong: string[] = []
    const check = (pointer: string, examples: unknown[]) => {
      const validate = description.validator(pointer)
      for (const example of examples) {
        if (!validate(example)) wrong.push(`${pointer}: ${JSON.stringify(validate.errors)} ${JSON.stringify(example)}`)
      }
    }
    const visit = (value: unknown, pointer: string) => {
      if (typeof value !== 'object' || value === null) return
      const { examples, example, schema } = value as { examples?: unknown; example?: unknown; schema?: object }
      if (Array.isArray(examples)) check(pointer, examples)
      if (schema && example !== undefined) check(`${pointer}/schema`, [example])
      for (const [name, inner] of Object.entries(value)) {
        if (name === 'example' || name === 'examples') continue
        visit(inner, `${pointer}/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`)
      }
    }
    visit(document.paths, '/paths')
    visit(document.components, '/components')
    expect(wrong).toEqual([])
  })
})

test('nothing stops a generator of clients: patterns of every language, types everywhere, no word of JavaScript alone', () => {
  const visit = (schema: Schema, at: string) => {
    if (schema.pattern) expect(schema.pattern, at).not.toMatch(/\\p\{|\(\?[=!<]/)
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      expect(field.type ?? field.$ref ?? field.anyOf, `${at}.${name}`).toBeDefined()
      visit(field, `${at}.${name}`)
    }
    for (const inner of [schema.items, ...(schema.anyOf ?? [])]) if (inner) visit(inner, at)
  }
  for (const [name, schema] of Object.entries(document.components.schemas)) visit(schema, name)
  for (const { operation } of operations()) {
    for (const { schema } of Object.values(operation.requestBody?.content ?? {})) visit(schema, operation.operationId)
    for (const { schema, name } of parametersOf(operation.parameters)) visit(schema, name)
  }
  const classes = Object.keys(document.components.schemas).map((name) => name.toLowerCase())
  for (const { operation } of operations()) expect(classes).not.toContain(operation.operationId.toLowerCase())
})

/** What is for browsers, or of no body that a program reads, and why it is no operation. */
const undescribed: [pattern: RegExp, reason: string][] = [
  [/^OPTIONS /, 'preflights of browsers'],
  [/ \/(assets\/:name|favicon\.ico|docs(\/:group)?)?$/, 'pages and what they are made of'],
  [/ \/\.well-known\/change-password$/, 'for browsers, which it leads to a page'],
  [
    / \/(interaction|device|connections|prove-account)\b/,
    'pages of the sign-in, and where providers send browsers back',
  ],
  [/ \/oauth\/(authorize|logout)\b/, 'where browsers are sent, found by discovery'],
  [/ \/(o|organizations|invitation|sign-up|setup|demo)\b/, 'pages of people without a session'],
  [/ \/(reset-password|new-password|verify-email|change-email)\b/, 'pages that mailed links lead to'],
  [/ \/(account|admin|deployment)\b/, 'pages of people with a session'],
]

test('every route that answers JSON is described', () => {
  const routes = readFileSync(new URL('../../../docs/routes.txt', import.meta.url), 'utf8')
    .trim()
    .split('\n')
  const described = new Set(operations().map(({ method, path }) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1')}`))
  const missing = routes
    .map((line) => line.replace(/\s+/, ' '))
    .filter((route) => !described.has(route) && !undescribed.some(([pattern]) => pattern.test(route)))
  expect(missing).toEqual([])
  // In front of the table of routes.
  expect(described).toContain('POST /oauth/introspect')
  expect(described).toContain('GET /v1/auth/verify')
})

test('every declared route is served, and those that need a credential ask for it', async () => {
  for (const { path, method, operation } of operations().filter(({ path }) => path.startsWith('/v1/'))) {
    const target = path.replaceAll(/\{\w+\}/g, 'something')
    const answer = await call(gatehouse, target, { method, ...(operation.requestBody && { json: {} }) })
    expect(answer.json.detail, `${method} ${path}`).not.toBe('There is nothing at this address.')
    if (operation.security.length > 0) expect(answer.status, `${method} ${path}`).toBe(401)
  }
})

test('a path is matched exactly', async () => {
  for (const path of ['/v1/me/', '/V1/me', '/v1/Me', '//v1/me']) expect((await call(gatehouse, path)).status).toBe(404)
})

test('requests are closed and answers open: unknown fields are refused, new ones may come', () => {
  const { requestBody, responses } = document.paths['/v1/auth/authenticate']!.post!
  const body = requestBody?.content['application/json']?.schema
  expect(body).toMatchObject({ type: 'object', additionalProperties: false, required: ['password'] })
  expect(responses['200']?.content?.['application/json']?.schema).toEqual({ $ref: '#/components/schemas/Tokens' })
  expect(document.components.schemas.Tokens?.additionalProperties).toBeUndefined()
  expect(responses['409']?.$ref).toContain('OrganizationRequired')
})

test('rules between fields are said', () => {
  const bodyOf = (path: string) => {
    const body = document.paths[path]!.post!.requestBody!.content
    const [type = ''] = Object.keys(body)
    const pointer = `/paths/${encodeURIComponent(path.replaceAll('/', '~1'))}/post/requestBody/content`
    return description.validator(`${pointer}/${encodeURIComponent(type.replaceAll('/', '~1'))}/schema`)
  }
  const signIn = bodyOf('/v1/auth/authenticate')
  expect(signIn({ email: 'ada@acme.test', password: 'x' })).toBe(true)
  expect(signIn({ emailId: 'ada@acme.test', password: 'x' })).toBe(true)
  expect(signIn({ password: 'x' })).toBe(false)
  const key = bodyOf('/v1/api-keys')
  expect(key({ name: 'a', expires_in_days: 3 })).toBe(true)
  expect(key({ name: 'a', expires_at: '2027-01-31' })).toBe(true)
  expect(key({ name: 'a' })).toBe(false)
  expect(key({ name: 'a', expires_in_days: 3, expires_at: '2027-01-31' })).toBe(false)
  const narrowed = (source: string | null, scope_id: string | null) =>
    key({ name: 'a', expires_in_days: 3, data_scopes: [{ source, scope_id }] })
  expect(narrowed('kubernetes', 'prod')).toBe(true)
  expect(narrowed(null, null)).toBe(true)
  expect(narrowed(null, 'prod')).toBe(false)
})

test('query parameters are described as what they are made into', () => {
  const route = apiRoute({
    name: 'discoverOrganizations',
    method: 'GET',
    path: '/v1/things/{id}',
    summary: 'Things',
    tags: ['Organizations'],
    query: z.strictObject({ limit: z.coerce.number().int().max(100).default(20), kind: z.string() }),
    handle: async () => undefined,
  })
  const { paths } = openApiDocument({ issuer: 'http://localhost', routes: [route], endpoints: [] })
  const { parameters, responses } = paths['/v1/things/{id}']!.get as unknown as OpenApi['paths'][string][string]
  expect(parameters).toMatchObject([
    { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
    { name: 'limit', in: 'query', required: false, schema: { type: 'integer', maximum: 100, default: 20 } },
    { name: 'kind', in: 'query', required: true, schema: { type: 'string' } },
  ])
  expect(responses['204']).toMatchObject({ description: 'Done' })
})
