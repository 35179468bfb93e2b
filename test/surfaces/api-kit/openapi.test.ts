import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { call } from '#support/api-requests.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { apiRoute } from '#surfaces/api-kit/api-route.ts'
import { openApiDocument } from '#surfaces/api-kit/openapi.ts'

let gatehouse: Gatehouse
let document: Document
beforeAll(async () => {
  gatehouse = await startGatehouse()
  document = (await call(gatehouse, '/openapi.json')).json as unknown as Document
})
afterAll(() => gatehouse.stop())

interface Operation {
  operationId: string
  summary: string
  tags: string[]
  security: object[]
  parameters: { name: string; in: string; required: boolean; schema: object }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>
}

interface Schema {
  $ref?: string
  type?: string
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean
}

interface Document {
  openapi: string
  info: { title: string; version: string }
  servers: { url: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, object> }
}

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )

test('is an OpenAPI 3.1 document about this server', async () => {
  const { status, headers } = await call(gatehouse, '/openapi.json')
  expect(status).toBe(200)
  expect(headers['content-type']).toMatch(/^application\/json/)
  expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Gatehouse' }, servers: [{ url: gatehouse.url }] })
  expect(Object.keys(document.components.securitySchemes)).toEqual(['bearer', 'apiKey'])
})

test('every reference leads somewhere', () => {
  const references = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? []
  expect(references.length).toBeGreaterThan(5)
  for (const reference of references) {
    const path = /"\$ref":"#\/([^"]+)"/.exec(reference)?.[1]?.split('/') ?? ['nowhere']
    const target = path.reduce<unknown>((inside, name) => (inside as Record<string, unknown>)?.[name], document)
    expect(target, reference).toBeTypeOf('object')
  }
  expect(JSON.stringify(document)).not.toContain('$defs')
})

test('every operation is whole: an own name, its path parameters, its answers', () => {
  const names = operations().map(({ operation }) => operation.operationId)
  expect(new Set(names).size).toBe(names.length)
  expect(names).toEqual(expect.arrayContaining(['authenticate', 'refresh', 'refreshByUrl', 'signOut', 'me', 'verify']))
  for (const { path, operation } of operations()) {
    expect(operation.summary).toBeTruthy()
    expect(operation.tags.length).toBeGreaterThan(0)
    const inPath = operation.parameters.filter((parameter) => parameter.in === 'path')
    expect(inPath.map(({ name }) => name)).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
    for (const { required, schema } of inPath)
      expect({ required, ...schema }).toMatchObject({ required: true, type: 'string' })
    const statuses = Object.keys(operation.responses)
    expect(statuses.some((status) => status.startsWith('2'))).toBe(true)
    if (operation.security.length > 0) expect(statuses).toContain('401')
    for (const [status, { description, content }] of Object.entries(operation.responses)) {
      expect(description).toBeTruthy()
      if (Number(status) >= 400) expect(Object.keys(content ?? {})).toEqual(['application/problem+json'])
    }
  }
})

test('every declared route is served, and those that need a credential ask for it', async () => {
  for (const { path, method, operation } of operations()) {
    const target = path.replaceAll(/\{\w+\}/g, 'something')
    const answer = await call(gatehouse, target, { method, ...(operation.requestBody && { json: {} }) })
    expect(answer.json.code, `${method} ${path}`).not.toBe('not_found')
    expect(answer.status, `${method} ${path}`).not.toBe(404)
    if (operation.security.length > 0) expect(answer.status, `${method} ${path}`).toBe(401)
    expect(Object.keys(operation.responses), `${method} ${path}`).toContain(String(answer.status))
  }
})

test('a path is matched exactly', async () => {
  for (const path of ['/v1/me/', '/V1/me', '/v1/Me', '//v1/me']) expect((await call(gatehouse, path)).status).toBe(404)
})

test('requests are closed and answers open: unknown fields are refused, new ones may come', () => {
  const { requestBody, responses } = document.paths['/v1/auth/authenticate']!.post!
  const body = requestBody?.content['application/json']?.schema
  expect(body).toMatchObject({ type: 'object', additionalProperties: false, required: ['password'] })
  expect(Object.keys(body?.properties ?? {})).toEqual(['email', 'emailId', 'password', 'organization', 'org'])
  expect(responses['200']?.content?.['application/json']?.schema).toEqual({ $ref: '#/components/schemas/Tokens' })
  expect(document.components.schemas.Tokens?.additionalProperties).toBeUndefined()
  expect(responses['409']?.description).toContain('organization_required')
})

test('query parameters are described as what they are made into', () => {
  const route = apiRoute({
    name: 'discoverOrganizations',
    method: 'GET',
    path: '/v1/things/{id}',
    summary: 'Things',
    tags: ['Things'],
    query: z.strictObject({ limit: z.coerce.number().int().max(100).default(20), kind: z.string() }),
    handle: async () => undefined,
  })
  const { paths } = openApiDocument({ issuer: 'http://localhost', routes: [route] })
  const { parameters, responses } = (paths['/v1/things/{id}'] as unknown as Record<string, Operation>).get!
  expect(parameters).toMatchObject([
    { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
    { name: 'limit', in: 'query', required: false, schema: { type: 'integer', maximum: 100, default: 20 } },
    { name: 'kind', in: 'query', required: true, schema: { type: 'string' } },
  ])
  expect(responses['204']).toEqual({ description: 'Done' })
})
