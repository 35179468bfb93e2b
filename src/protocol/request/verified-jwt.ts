import { RequestState } from '#foundation/http/request-state.ts'

/**
 * The `jti` of a JWT of ours whose signature this request has verified: only then may a jti, which is no secret, be taken
 * for the token.
 */
export const verifiedJwtId = new RequestState<string>()
