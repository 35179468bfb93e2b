/**
 * What went wrong at an identity provider, as far as a person can do something about it:
 * - `unreachable`: down, behind an address that we don't call, redirecting, or answering with nonsense
 * - `too_slow`: no answer within 5 s
 * - `declined`: it sent the person back without signing them in
 * - `refused`: it doesn't accept what this connection presents (client id, secret, redirect URI)
 * - `untrustworthy`: it answered, and what it says can't be believed
 */
export type UpstreamFailure = 'unreachable' | 'too_slow' | 'declined' | 'refused' | 'untrustworthy'

/** An identity provider has failed; no person is signed in. */
export class UpstreamError extends Error {
  readonly failure: UpstreamFailure
  /** For the log: a code of ours or of a specification, never a value that the provider or the person sent. */
  readonly reason: string

  constructor(failure: UpstreamFailure, reason: string) {
    super(`identity provider ${failure}: ${reason}`)
    this.name = 'UpstreamError'
    this.failure = failure
    this.reason = reason
  }
}
