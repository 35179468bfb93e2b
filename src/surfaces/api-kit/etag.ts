import { sha256 } from '#foundation/crypto/sha256.ts'
import { GatehouseError } from '#foundation/errors.ts'

/**
 * The strong entity tag of what a GET answers (RFC 9110 §8.8.3): a hash of it, so that an edit that changes nothing leaves
 * it as it is.
 * @param volatile members that change without an edit
 */
export function etagOf(body: unknown, volatile: readonly string[] = []): string {
  const state = JSON.stringify(body, (name, value) => (volatile.includes(name) ? undefined : value))
  return `"${sha256(state).toString('base64url').slice(0, 27)}"`
}

/**
 * @param ifMatch RFC 9110 §13.1.1: `*` or a list of entity tags, of which weak ones never match
 * @param current of what is there now; undefined where it has none
 * @throws GatehouseError precondition_failed
 */
export function requireMatch(ifMatch: string, current: string | undefined): void {
  if (ifMatch.trim() === '*') return
  const tags: string[] = ifMatch.match(/(?:W\/)?"[^"]*"/g) ?? []
  if (current !== undefined && tags.includes(current)) return
  throw new GatehouseError(
    'precondition_failed',
    'It has changed since you read it: If-Match names an older ETag. Read it again.',
  )
}
