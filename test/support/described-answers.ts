import { request } from 'node:http'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

export interface Schema {
  $ref?: string
  type?: string | string[]
  description?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  additionalProperties?: boolean | Schema
  enum?: unknown[]
  default?: unknown
  examples?: unknown[]
  format?: string
  pattern?: string
  maxLength?: number
  maximum?: number
}

export interface Media {
  schema: Schema
  example?: unknown
  examples?: Record<string, { value: unknown }>
}

export interface Parameter {
  $ref?: string
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  description?: string
  schema: Schema
  example?: unknown
}

export interface Response {
  $ref?: string
  description: string
  headers?: Record<string, { $ref: string }>
  content?: Record<string, Media>
}

export interface Operation {
  operationId: string
  summary: string
  description: string
  tags: string[]
  security: Record<string, string[]>[]
  parameters: Parameter[]
  requestBody?: { required: boolean; content: Record<string, Media> }
  responses: Record<string, Response>
}

export interface OpenApi {
  openapi: string
  info: Record<string, unknown>
  servers: { url: string; description: string }[]
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, Schema>
    parameters: Record<string, Parameter>
    responses: Record<string, Response>
    headers: Record<string, { description: string; schema: Schema; example: unknown }>
    securitySchemes: Record<string, { type: string; description: string }>
  }
}

export interface AnswerToCheck {
  method: string
  path: string
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

/** `/openapi.json` of a server as a check of its answers. */
export interface Description {
  document: OpenApi
  /** What an answer says that the document doesn't; empty when it is as described, or of no operation. */
  problemsOf(answer: AnswerToCheck): string[]
  /** The operation that a path leads to, and its path in the document. */
  operationOf(method: string, path: string): { template: string; operation: Operation } | undefined
  /** Validates against a schema of the document. @param pointer where it stands: `/components/schemas/Problem` */
  validator(pointer: string): ValidateFunction
}

let known: Promise<Description | undefined> | undefined

/**
 * Holds an answer against `/openapi.json` of the server that gave it: its status, type, body and headers must be described,
 * and a body may have no field that isn't. So the whole suite checks the document. It is the same for every server of a
 * test file but for its address, so it is asked for once.
 * @throws Error for an answer that the document doesn't describe
 */
export async function requireDescribed(port: number, answer: AnswerToCheck): Promise<void> {
  if (!/^\/(v1|auth|oauth|healthz|readyz|\.well-known)\b/.test(answer.path)) return
  known ??= fetchDocument(port).then((document) => document && descriptionIn(document))
  const description = await known
  if (!description) known = undefined
  const problems = description?.problemsOf(answer) ?? []
  if (problems.length === 0) return
  const { method, path, status, text } = answer
  throw new Error(`not as described: ${method} ${path} ${status}: ${problems.join('; ')}\n${text.slice(0, 2000)}`)
}

/** @returns undefined where no server answers, or one that has no document */
function fetchDocument(port: number): Promise<OpenApi | undefined> {
  return new Promise((resolve) => {
    const headers = { host: `localhost:${port}` }
    const asked = request({ host: '127.0.0.1', port, path: '/openapi.json', headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', () => resolve(undefined))
      response.on('end', () =>
        resolve(response.statusCode === 200 ? JSON.parse(`${Buffer.concat(chunks)}`) : undefined),
      )
    })
    asked.on('error', () => resolve(undefined))
    asked.end()
  })
}

export function descriptionIn(document: OpenApi): Description {
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats })
  ajv.addSchema(closed(document) as object, 'api')
  const operations = Object.entries(document.paths).map(([template, methods]) => ({
    template,
    methods,
    pattern: new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`),
    parameters: template.split('{').length,
  }))
  operations.sort((one, other) => one.parameters - other.parameters)

  function operationOf(method: string, path: string) {
    const found = operations.find(({ pattern }) => pattern.test(path.split('?')[0] ?? ''))
    const operation = found?.methods[method.toLowerCase()]
    return found && operation ? { template: found.template, operation } : undefined
  }

  function validator(pointer: string): ValidateFunction {
    const compiled = ajv.getSchema(`api#${pointer}`)
    if (!compiled) throw new Error(`no schema at ${pointer}`)
    return compiled
  }

  function problemsOf({ method, path, status, headers, text }: AnswerToCheck): string[] {
    const found = operationOf(method, path)
    if (!found) return []
    const at = `/paths/${escaped(found.template)}/${method.toLowerCase()}/responses/${status}`
    const own = found.operation.responses[status]
    if (!own) return ['the status is not described']
    const pointer: string = own.$ref ? own.$ref.slice(1) : at
    const response = own.$ref ? resolved<Response>(document, own.$ref) : own
    // Only who tried by Authorization is told how (RFC 6749 §5.2).
    const mayLack = pointer.endsWith('/OAuthInvalidClient') ? ['X-Request-Id', 'WWW-Authenticate'] : ['X-Request-Id']
    const missing = Object.keys(response.headers ?? {}).filter(
      (name) => !mayLack.includes(name) && headers[name.toLowerCase()] === undefined,
    )
    return [
      ...missing.map((name) => `the header ${name} is missing`),
      ...problemsOfBody(pointer, response.content, `${headers['content-type'] ?? ''}`, text),
    ]
  }

  function problemsOfBody(pointer: string, content: Response['content'], contentType: string, text: string): string[] {
    const type = contentType.split(';')[0] ?? ''
    // A client that asked for a page gets one, and 421 is answered before anybody knows what was asked for.
    if (text === '' || type === 'text/html' || type === 'text/plain') return []
    if (!content) return ['a body is not described']
    const media = content[type]
    if (!media) return [`the type ${type} is not described`]
    if (!/\bjson$/.test(type)) return []
    const json = JSON.parse(text)
    const validate = validator(`${pointer}/content/${escaped(type)}/schema`)
    const problems = validate(json) ? [] : (validate.errors ?? []).map(problemText)
    const codes = Object.keys(media.examples ?? {})
    if (codes.length > 0 && !codes.includes(json.code)) {
      problems.push(`the code ${json.code} is not among ${codes}`)
    }
    return problems
  }

  return { document, problemsOf, operationOf, validator }
}

function problemText({
  instancePath,
  message = '',
  params,
}: {
  instancePath: string
  message?: string
  params: object
}) {
  return `${instancePath || 'the body'} ${message} ${JSON.stringify(params)}`
}

const formats = {
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  date: /^\d{4}-\d\d-\d\d$/,
  email: /^[^@\s]+@[^@\s]+$/,
  uri: /^[a-z][a-z0-9+.-]*:\S+$/i,
  password: true,
} as const

/** Objects have no other fields than those that are named, unless they say so. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const inner: Record<string, unknown> = Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, closed(part)]),
  )
  const isOpenObject = typeof inner.properties === 'object' && inner.type === 'object'
  return isOpenObject && !('additionalProperties' in inner) ? { ...inner, additionalProperties: false } : inner
}

/** What a reference leads to. */
export function resolved<Part>(document: OpenApi, reference: string): Part {
  const names = reference.slice(2).split('/')
  const found = names.reduce<unknown>(
    (inside, name) => (inside as Record<string, unknown> | undefined)?.[name],
    document,
  )
  if (found === undefined) throw new Error(`${reference} leads nowhere`)
  return found as Part
}

function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))
}
