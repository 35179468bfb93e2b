/** The stable codes of the API (docs: README "Errors"); `foundation/http/problem-details.ts` maps each to a status. */
export type ErrorCode =
  | 'invalid_request'
  | 'authentication_required'
  | 'permission_denied'
  | 'sso_required'
  | 'not_found'
  | 'method_not_allowed'
  | 'validation_failed'
  | 'conflict'
  | 'organization_required'
  | 'limit_reached'
  | 'precondition_failed'
  | 'unsupported_media_type'
  | 'too_many_requests'
  | 'temporarily_unavailable'

/** What was wrong with one field of the input; `path` is dotted, as in `organizations.0.slug`. */
export interface FieldProblem {
  path: string
  message: string
}

interface ErrorDetails {
  fields?: FieldProblem[]
  retryAfterSeconds?: number
  /** More members of the problem details (RFC 9457 §3.2), by their names in JSON. */
  members?: Record<string, unknown>
  cause?: unknown
}

/** A refusal whose message a person may read. Anything else thrown is a bug: 500, logged with its cause. */
export class GatehouseError extends Error {
  readonly code: ErrorCode
  readonly fields: FieldProblem[]
  readonly retryAfterSeconds: number | undefined
  readonly members: Record<string, unknown>

  constructor(
    code: ErrorCode,
    message: string,
    { fields = [], retryAfterSeconds, members = {}, cause }: ErrorDetails = {},
  ) {
    super(message, { cause })
    this.name = 'GatehouseError'
    this.code = code
    this.fields = fields
    this.retryAfterSeconds = retryAfterSeconds
    this.members = members
  }
}

/** A store that everything needs cannot be reached or does not answer: nothing is wrong with the request. */
export class StoreAwayError extends GatehouseError {
  /** By which oidc-provider answers an error that it does not know. */
  readonly statusCode = 503

  /** @param cause what the store's client says, for the log */
  constructor(cause: Error) {
    const message = 'Gatehouse cannot reach its data at this moment. Try again in a few seconds.'
    super('temporarily_unavailable', message, { retryAfterSeconds: 5, cause })
    this.name = 'StoreAwayError'
  }
}
