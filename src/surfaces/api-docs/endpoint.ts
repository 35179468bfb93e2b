import type { z } from 'zod'
import type { ErrorCode } from '#foundation/errors.ts'
import type { SecurityScheme } from './security-schemes.ts'
import type { HeaderName, OAuthErrorStatus } from './shared-answers.ts'

/** What `/openapi.json` says of an endpoint that is no route of the kit: of OAuth, in front of Koa, or for a load balancer. */
export interface Endpoint {
  name: string
  method: 'GET' | 'POST'
  path: string
  summary: string
  description?: string
  tags: [string, ...string[]]
  /** Any one of these; none: no credential is asked for. */
  security: readonly SecurityScheme[]
  query?: z.ZodType
  /** The fields of an `application/x-www-form-urlencoded` body. */
  form?: z.ZodType
  /** By status, but for the refusals that are named below. */
  answers: Record<number, EndpointAnswer>
  errors?: readonly ErrorCode[]
  /** The statuses of refusals in the words of OAuth (RFC 6749 §5.2). */
  oauthErrors?: readonly OAuthErrorStatus[]
}

export interface EndpointAnswer {
  description: string
  answer?: z.ZodType
  /** Absent: `application/json`. */
  mediaType?: string
  headers?: readonly HeaderName[]
}
