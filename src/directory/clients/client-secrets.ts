import { timingSafeEqual } from 'node:crypto'
import { sha256 } from '#foundation/crypto/sha256.ts'

/** A secret by which a client may prove itself now. */
export interface LiveSecret {
  /** Its SHA-256. */
  hash: Buffer
  /** How long it works on, in seconds; null: until it is rotated. */
  endsInSeconds: number | null
}

/** Compared where there is no secret, so that no time tells it from a wrong one. */
const noSecret: LiveSecret = { hash: Buffer.alloc(32), endsInSeconds: null }

/**
 * The secret that was presented, of those that live. Each is compared, the right one found or not: how long it takes
 * tells nothing of what was presented.
 * @param live of the client; empty where there is no such client
 */
export function matchingSecret(live: readonly LiveSecret[], presented: string): LiveSecret | undefined {
  const hash = sha256(presented)
  const compared = live.length > 0 ? live : [noSecret]
  const matching = compared.filter((secret) => timingSafeEqual(secret.hash, hash))
  return live.length > 0 ? matching[0] : undefined
}
