import type { ServerResponse } from 'node:http'
import type { ErrorCode, GatehouseError } from '#foundation/errors.ts'

/** Every code of ours and the status it travels with. */
export const statusOfCode: Record<ErrorCode, number> = {
  invalid_request: 400,
  authentication_required: 401,
  permission_denied: 403,
  sso_required: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  organization_required: 409,
  limit_reached: 409,
  precondition_failed: 412,
  unsupported_media_type: 415,
  validation_failed: 422,
  too_many_requests: 429,
  temporarily_unavailable: 503,
}

export const titles: Record<ErrorCode, string> = {
  invalid_request: 'Invalid request',
  authentication_required: 'Authentication required',
  permission_denied: 'Permission denied',
  sso_required: 'Single sign-on required',
  not_found: 'Not found',
  method_not_allowed: 'Method not allowed',
  conflict: 'Conflict',
  organization_required: 'Organization required',
  limit_reached: 'Limit reached',
  precondition_failed: 'Precondition failed',
  unsupported_media_type: 'Unsupported media type',
  validation_failed: 'Validation failed',
  too_many_requests: 'Too many requests',
  temporarily_unavailable: 'Temporarily unavailable',
}

/** The body of an error answer (RFC 9457), with our stable `code` and, for validation, the fields at fault. */
export function problemDetails(error: GatehouseError, requestId?: string) {
  return {
    type: 'about:blank',
    title: titles[error.code],
    status: statusOfCode[error.code],
    detail: error.message,
    code: error.code,
    ...(error.fields.length > 0 && { errors: error.fields }),
    ...error.members,
    ...(requestId && { request_id: requestId }),
  }
}

/** Headers that belong to an error: how to authenticate, when to try again. */
export function headersOfError(error: GatehouseError): Record<string, string> {
  return {
    ...(error.code === 'authentication_required' && { 'WWW-Authenticate': 'Bearer' }),
    ...(error.retryAfterSeconds && { 'Retry-After': String(error.retryAfterSeconds) }),
  }
}

/** For the routes in front of Koa. @param headers a flat list of what every answer has */
export function sendProblem(response: ServerResponse, error: GatehouseError, headers: readonly string[]): void {
  const body = JSON.stringify(problemDetails(error))
  response.writeHead(statusOfCode[error.code], [
    ...['Content-Type', 'application/problem+json', 'Content-Length', String(Buffer.byteLength(body))],
    ...headers,
    ...Object.entries(headersOfError(error)).flat(),
  ])
  response.end(body)
}
