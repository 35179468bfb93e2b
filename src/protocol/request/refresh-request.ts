import { RequestState } from '#foundation/http/request-state.ts'

/** A request to `/oauth/token` that presents a refresh token. */
export interface RefreshRequest {
  /** Who asks and for what: the same of a repeat. */
  hash: Buffer
  /** Sealed: the answer that this very request was given before. */
  keptAnswer?: Buffer | undefined
}

export const refreshRequest = new RequestState<RefreshRequest>()
