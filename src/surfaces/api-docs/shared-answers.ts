import { z } from 'zod'
import type { ErrorCode } from '#foundation/errors.ts'
import { statusOfCode, titles } from '#foundation/http/problem-details.ts'
import type { Json } from './plain-schema.ts'

/** Problem details (RFC 9457), with the members that some of them have besides. */
export const problem = z
  .object({
    type: z
      .string()
      .describe('Says nothing more than the status')
      .meta({ examples: ['about:blank'] }),
    title: z
      .string()
      .describe('What went wrong, in short')
      .meta({ examples: ['Validation failed'] }),
    status: z
      .int()
      .describe('The status of the answer')
      .meta({ examples: [422] }),
    detail: z
      .string()
      .optional()
      .describe('What a person may read about it')
      .meta({ examples: ['Some fields are not valid.'] }),
    code: z
      .string()
      .describe('Stable: for programs to decide by')
      .meta({ examples: ['validation_failed'] }),
    errors: z
      .array(
        z.object({
          path: z
            .string()
            .describe('The field, dotted: `teams.0.name`')
            .meta({ examples: ['name'] }),
          message: z
            .string()
            .describe('What is wrong with it')
            .meta({ examples: ['must not be empty'] }),
        }),
      )
      .optional()
      .describe('Of `validation_failed`: the fields at fault'),
    organizations: z
      .array(z.object({ id: z.string(), slug: z.string(), name: z.string() }).meta({ title: 'OrganizationSummary' }))
      .optional()
      .describe('Of `organization_required`: which there are to choose from'),
    missing: z
      .object({
        permission: z.string().optional(),
        source: z.string().nullable().optional(),
        scope_id: z.string().nullable().optional(),
      })
      .optional()
      .describe('Of a denial by `/v1/auth/verify`: the permission or the data scope that is missing'),
    held: z
      .looseObject({})
      .optional()
      .describe('Of a permission that cannot be removed: by how many of what it is held')
      .meta({ examples: [{ members: 2, teams: 1 }] }),
    possible_from: z.iso
      .datetime()
      .optional()
      .describe('Of signing keys that cannot be rotated yet: from when on')
      .meta({ examples: ['2027-01-31T12:00:00.000Z'] }),
    request_id: z
      .string()
      .optional()
      .describe('Under which the log tells more')
      .meta({ examples: ['V1StGXR8_Z5jdHi6B-myT'] }),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457)' })

/** Of an endpoint of OAuth: RFC 6749 §5.2, RFC 7009 §2.2.1. */
export const oauthError = z
  .object({
    error: z
      .string()
      .describe('Which error, as the specifications name it')
      .meta({ examples: ['invalid_client'] }),
    error_description: z
      .string()
      .optional()
      .describe('What a person may read about it')
      .meta({ examples: ['client authentication failed'] }),
    scope: z
      .string()
      .optional()
      .describe('Of `invalid_scope`: what was asked for')
      .meta({ examples: ['reports:read'] }),
  })
  .meta({ id: 'OAuthError', description: 'An error of OAuth (RFC 6749 §5.2)' })

const headers = {
  ETag: {
    description: 'The state of what is answered, for `If-Match` of an edit and `If-None-Match` of another read',
    example: '"Gk3xR0aVtq1"',
  },
  'Retry-After': { description: 'In how many seconds to try again', type: 'integer', example: 5 },
  'WWW-Authenticate': { description: 'How to authenticate (RFC 9110 §11.6.1)', example: 'Bearer' },
  'X-Request-Id': { description: 'Under which the log tells of this request', example: 'V1StGXR8_Z5jdHi6B-myT' },
  'X-Auth-Subject': {
    description: 'The id of the user, or the client id of a service account',
    example: 'usr_0kR7wXcY2mLqZ4nTfB9d',
  },
  'X-Auth-Organization': {
    description: 'The id of the organization; empty for none',
    example: 'org_5vJ1sHpE8gNaU3yKxQ6t',
  },
  'X-Auth-Permissions': {
    description: 'What may be done, separated by commas',
    example: 'configuration-items:read,configuration-items:write',
  },
  'X-Auth-Data-Scopes': {
    description: 'What may be seen, as JSON in ASCII',
    example: '[{"source":"kubernetes","scope_id":"prod-cluster"}]',
  },
  'X-Auth-Denied': {
    description: 'What is missing, as JSON in ASCII',
    example: '{"permission":"configuration-items:write"}',
  },
} satisfies Record<string, { description: string; type?: string; example: unknown }>

export type HeaderName = keyof typeof headers

/** `components.headers`. */
export function headerComponents(): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, { description, example, ...more }]) => {
      const type = 'type' in more ? more.type : 'string'
      return [name, { description, schema: { type }, example }]
    }),
  )
}

export function headersCalled(names: readonly HeaderName[]): Json {
  return { headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])) }
}

const headersOfStatus: Record<number, HeaderName[]> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After'],
  503: ['Retry-After'],
}

/** What answers any request that gets so far: where it was sent to, what it brought along, what failed here. */
const always = ['Misdirected', 'HeadersTooLarge', 'InternalError'] as const

/** The refusals of an operation, by status, each a shared component. */
export function refusals(codes: readonly ErrorCode[], responses: Record<string, Json>): Json {
  const byStatus = Map.groupBy(new Set(codes), (code) => statusOfCode[code])
  const own = [...byStatus].map(([status, list]) => {
    const name = list.map(pascalCase).sort().join('Or')
    responses[name] ??= refusal(status, list)
    return [status, { $ref: `#/components/responses/${name}` }] as const
  })
  for (const name of always) responses[name] ??= others[name]
  return Object.fromEntries([
    ...own,
    [421, { $ref: '#/components/responses/Misdirected' }],
    [431, { $ref: '#/components/responses/HeadersTooLarge' }],
    [500, { $ref: '#/components/responses/InternalError' }],
  ])
}

function refusal(status: number, codes: readonly ErrorCode[]): Json {
  const examples = codes.map((code) => [code, { value: exampleProblem(status, titles[code], code) }])
  return {
    description: codes.map((code) => `${titles[code]} (\`${code}\`)`).join(', '),
    ...headersCalled(['X-Request-Id', ...(headersOfStatus[status] ?? [])]),
    content: problemContent({ examples: Object.fromEntries(examples) }),
  }
}

const others: Record<(typeof always)[number], Json> = {
  Misdirected: { description: 'The request was sent to another host than the issuer’s (RFC 9110 §15.5.20)' },
  HeadersTooLarge: { description: 'The headers are larger than 16 KB' },
  InternalError: {
    description: 'It was our fault: the log tells more under `request_id`',
    ...headersCalled(['X-Request-Id']),
    content: problemContent({ example: exampleProblem(500, 'Internal error', 'internal_error') }),
  },
}

const oauthErrors = {
  400: ['OAuthInvalidRequest', 'invalid_request', 'What was asked is not valid, or not allowed'],
  401: ['OAuthInvalidClient', 'invalid_client', 'The client, or the token that it presented, is not accepted'],
  415: ['OAuthUnsupportedMediaType', 'invalid_request', 'The body is compressed, or not UTF-8'],
  429: ['OAuthTooManyRequests', 'temporarily_unavailable', 'Too many requests'],
  500: ['OAuthServerError', 'server_error', 'It was our fault'],
  503: ['OAuthUnavailable', 'temporarily_unavailable', 'A store that everything needs is away'],
} as const

export type OAuthErrorStatus = keyof typeof oauthErrors

/** The refusals of an OAuth endpoint, each a shared component. */
export function oauthRefusals(statuses: readonly OAuthErrorStatus[], responses: Record<string, Json>): Json {
  return Object.fromEntries(
    statuses.map((status) => {
      const [name, error, description] = oauthErrors[status]
      const content = { schema: { $ref: '#/components/schemas/OAuthError' }, example: { error } }
      const headers = headersCalled(headersOfStatus[status] ?? ['X-Request-Id'])
      // What fails before the library is asked is told as everywhere else.
      const problems = status >= 500 ? problemContent({}) : {}
      responses[name] ??= { description, ...headers, content: { 'application/json': content, ...problems } }
      return [status, { $ref: `#/components/responses/${name}` }]
    }),
  )
}

function problemContent(examples: Json): Json {
  return { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' }, ...examples } }
}

function exampleProblem(status: number, title: string, code: string): Json {
  return {
    type: 'about:blank',
    title,
    status,
    ...(status !== 500 && { detail: `${title}.` }),
    code,
    ...(code === 'validation_failed' && { errors: [{ path: 'name', message: 'must not be empty' }] }),
    ...(status !== 401 && { request_id: 'V1StGXR8_Z5jdHi6B-myT' }),
  }
}

function pascalCase(code: string): string {
  return code.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())
}
