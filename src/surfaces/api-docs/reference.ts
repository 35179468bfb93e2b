import type { OpenApiDocument } from './openapi.ts'
import { isObject, type Json } from './plain-schema.ts'

/** The API as its pages show it: a group a page. */
export interface ReferenceGroup {
  /** In the address of its page. */
  slug: string
  name: string
  description: string
  operations: ReferenceOperation[]
  /** The named schemas that its operations mention, and those that these mention. */
  objects: ReferenceObject[]
}

export interface ReferenceOperation {
  id: string
  method: string
  path: string
  summary: string
  description: string
  /** How a request says who it is from. */
  credentials: string[]
  parameters: ReferenceField[]
  body: { mediaType: string; object: ReferenceObject; example: string | undefined } | undefined
  answers: ReferenceAnswer[]
  curl: string
}

export interface ReferenceAnswer {
  status: string
  description: string
  headers: string[]
  object: ReferenceObject | undefined
  example: string | undefined
}

export interface ReferenceObject {
  name: string
  description: string
  /** The named schemas that it is or mentions, to be linked. */
  links: string[]
  type: string
  fields: ReferenceField[]
}

export interface ReferenceField {
  name: string
  place: string
  required: boolean
  description: string
  type: string
  links: string[]
  example: string | undefined
  fields: ReferenceField[]
}

interface Operation {
  operationId: string
  summary: string
  description: string
  tags: string[]
  security: Record<string, unknown>[]
  parameters: (Json & { name: string; in: string; required: boolean; schema: Json })[]
  requestBody?: { content: Record<string, { schema: Json; example?: unknown }> }
  responses: Record<string, Json>
}

/** What happens to any request, and is told once for all of them. */
const everywhere = ['421', '431', '500', '503']

/** The groups of a document, in its order. */
export function referenceOf(document: OpenApiDocument): ReferenceGroup[] {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method,
      operation: operation as unknown as Operation,
    })),
  )
  return document.tags.map(({ name, description }) => {
    const mine = operations.filter(({ operation }) => operation.tags.includes(name))
    const described = mine.map(({ path, method, operation }) => describe(document, path, method, operation))
    return {
      slug: name.toLowerCase().replace(/\W+/g, '-'),
      name,
      description,
      operations: described,
      objects: objectsOf(document, linksIn(described)),
    }
  })
}

function describe(document: OpenApiDocument, path: string, method: string, operation: Operation): ReferenceOperation {
  const { operationId, summary, description, security, requestBody, responses } = operation
  const parameters = operation.parameters.map((one) => resolved(document, one) as Operation['parameters'][number])
  const [body] = Object.entries(requestBody?.content ?? {})
  return {
    id: operationId,
    method: method.toUpperCase(),
    path,
    summary,
    description,
    credentials: security.flatMap(Object.keys),
    parameters: parameters.map((parameter) => ({
      ...fieldOf(parameter.name, parameter.schema, parameter.required),
      place: parameter.in,
      description: String(parameter.description ?? ''),
      example: asText(parameter.example),
    })),
    body: body && { mediaType: body[0], object: objectOf('', body[1].schema), example: asJson(body[1].example) },
    answers: Object.entries(responses)
      .filter(([status]) => !everywhere.includes(status) || status.startsWith('2'))
      .map(([status, response]) => answerOf(status, resolved(document, response))),
    curl: curlOf(document.servers[0]?.url ?? '', path, method, { ...operation, parameters }),
  }
}

function answerOf(status: string, { description, headers, content }: Json): ReferenceAnswer {
  const media = isObject(content) ? (content['application/json'] as Json | undefined) : undefined
  return {
    status,
    description: String(description),
    headers: Object.keys((headers ?? {}) as Json).filter((name) => name !== 'X-Request-Id'),
    object: media && objectOf('', media.schema as Json),
    example: asJson(media?.example),
  }
}

function objectOf(name: string, schema: Json): ReferenceObject {
  const list = isObject(schema.items) ? schema.items : undefined
  return {
    name,
    description: String(schema.description ?? ''),
    type: typeText(schema),
    links: linksOf(schema),
    fields: fieldsOf(list && !list.$ref ? list : schema),
  }
}

function fieldsOf({ properties = {}, required = [] }: Json): ReferenceField[] {
  return Object.entries(properties as Record<string, Json>).map(([name, schema]) =>
    fieldOf(name, schema, (required as string[]).includes(name)),
  )
}

function fieldOf(name: string, schema: Json, required: boolean): ReferenceField {
  const inner = [schema, schema.items, ...alternativesOf(schema)].filter(isObject).filter(({ $ref }) => !$ref)
  return {
    name,
    place: '',
    required,
    description: String(schema.description ?? ''),
    type: typeText(schema),
    links: linksOf(schema),
    example: Array.isArray(schema.examples) ? asText(schema.examples[0]) : undefined,
    fields: inner.flatMap(fieldsOf),
  }
}

/** `list of ApiKey`, `text or null`, `1 to 100`. */
function typeText(schema: Json): string {
  const { $ref, type, enum: values, items, format, minimum, maximum, maxLength } = schema
  if (typeof $ref === 'string') return nameIn($ref)
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(' or ')
  const alternatives = alternativesOf(schema)
  if (alternatives.length > 0) return alternatives.map(typeText).join(' or ')
  if (isObject(items)) return `list of ${typeText(items)}`
  const words = [type]
    .flat()
    .map((one) => (one === 'string' && typeof format === 'string' ? format : String(one ?? 'any')))
  const limits = [
    typeof minimum === 'number' && `at least ${minimum}`,
    typeof maximum === 'number' && `at most ${maximum}`,
    typeof maxLength === 'number' && `at most ${maxLength} characters`,
  ].filter(Boolean)
  return [words.join(' or '), ...limits].join(', ')
}

function alternativesOf({ anyOf }: Json): Json[] {
  return Array.isArray(anyOf) ? anyOf : []
}

/** Of what a field is, not of what its own fields are: those have links of their own. */
function linksOf(schema: Json): string[] {
  return [schema, schema.items, ...alternativesOf(schema)]
    .filter(isObject)
    .flatMap(({ $ref }) => (typeof $ref === 'string' ? [nameIn($ref)] : []))
}

function linksIn(operations: readonly ReferenceOperation[]): string[] {
  return operations.flatMap(({ body, answers }) =>
    [body?.object, ...answers.map(({ object }) => object)].flatMap((object) => (object ? linksInObject(object) : [])),
  )
}

function linksInObject({ links, fields }: Pick<ReferenceObject, 'links' | 'fields'>): string[] {
  return [...links, ...fields.flatMap(linksInObject)]
}

function objectsOf({ components }: OpenApiDocument, names: readonly string[]): ReferenceObject[] {
  const found = new Map<string, ReferenceObject>()
  const add = (name: string) => {
    const schema = components.schemas[name]
    if (!schema || found.has(name)) return
    const object = objectOf(name, schema)
    found.set(name, object)
    for (const inner of linksInObject(object)) add(inner)
  }
  for (const name of names) add(name)
  return [...found.values()]
}

function resolved({ components }: OpenApiDocument, part: Json): Json {
  if (typeof part.$ref !== 'string') return part
  const [, , kind = '', name = ''] = part.$ref.split('/')
  return components[kind]?.[name] ?? {}
}

function nameIn(reference: string): string {
  return reference.split('/').at(-1) ?? ''
}

function curlOf(server: string, path: string, method: string, operation: Operation): string {
  const { parameters, security, requestBody } = operation
  const exampleOf = (name: string) =>
    encodeURIComponent(String(parameters.find((one) => one.name === name)?.example ?? name))
  const needed = parameters.filter((one) => one.in === 'query' && one.required)
  const query = needed.map(({ name }) => `${name}=${exampleOf(name)}`).join('&')
  const url = `${server}${path.replace(/\{(\w+)\}/g, (_, name) => exampleOf(name))}${query && `?${query}`}`
  const [media] = Object.entries(requestBody?.content ?? {})
  return [
    `curl ${method === 'get' ? '' : `-X ${method.toUpperCase()} `}${quoted(url)}`,
    ...credentialOf(security),
    ...(media ? [`-H ${quoted(`Content-Type: ${media[0]}`)}`, `-d ${quoted(sent(media[0], media[1].example))}`] : []),
  ].join(' \\\n  ')
}

function credentialOf(security: readonly Record<string, unknown>[]): string[] {
  const names = security.flatMap(Object.keys)
  if (names.includes('clientBasic')) return ['-u CLIENT_ID:CLIENT_SECRET']
  return names.length > 0 ? [`-H 'Authorization: Bearer TOKEN'`] : []
}

function sent(mediaType: string, example: unknown): string {
  if (mediaType === 'application/json') return JSON.stringify(example ?? {})
  return String(new URLSearchParams(example as Record<string, string>))
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function asText(example: unknown): string | undefined {
  if (example === undefined) return undefined
  return typeof example === 'string' ? example : JSON.stringify(example)
}

function asJson(example: unknown): string | undefined {
  return example === undefined ? undefined : JSON.stringify(example, null, 2)
}
