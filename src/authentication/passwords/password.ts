import { availableParallelism } from 'node:os'
import argon2 from 'argon2'
import pLimit from 'p-limit'
import { GatehouseError } from '#foundation/errors.ts'
import { matchesHash } from './hash-forms.ts'

/** OWASP's floor for argon2id: 19 MiB, two passes, one lane. */
const parameters = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/**
 * Hashing has its own few places and a short queue: sixty sign-ins at once would otherwise fill libuv's thread pool and
 * hold up every signature and introspection behind them.
 */
const hashing = pLimit(Math.max(1, availableParallelism() - 1))
const longestQueue = 64

/** In code points: what people count as characters, whatever their script. */
export const passwordLength = { min: 8, max: 128 } as const

/** Whether it is longer than any password of ours: it is not even hashed. */
export function isTooLong(password: string): boolean {
  // No code point has more than two units, so what is much too long is not taken apart.
  return password.length > 2 * passwordLength.max || [...password].length > passwordLength.max
}

/** @returns a PHC string. @throws GatehouseError temporarily_unavailable when too many hashes are waiting */
export function hashPassword(password: string): Promise<string> {
  return inTurn(() => argon2.hash(password, parameters))
}

/**
 * Verifies against a hash, or against a dummy when there is none, so that an unknown user takes as long as a known one.
 * @throws GatehouseError temporarily_unavailable when too many hashes are waiting
 */
export async function verifyPassword(passwordHash: string | null | undefined, password: string): Promise<boolean> {
  return (await timedVerification(passwordHash, password)).matches
}

/** The same, with the time at which it had its turn, by `performance.now()`. */
export async function timedVerification(
  passwordHash: string | null | undefined,
  password: string,
): Promise<{ matches: boolean; startedAt: number }> {
  const hash = passwordHash ?? (await hashOfNobody())
  return inTurn(async () => {
    const startedAt = performance.now()
    const matches = await matchesHash(hash, password)
    return { matches: matches && passwordHash != null, startedAt }
  })
}

/** How long it takes to find that a password does not belong to a hash: the quicker of two tries. */
export async function secondsToRefuse(passwordHash: string): Promise<number> {
  const once = () =>
    inTurn(async () => {
      const startedAt = performance.now()
      await matchesHash(passwordHash, 'any password')
      return (performance.now() - startedAt) / 1000
    })
  return Math.min(await once(), await once())
}

/** A hash of ours that no password belongs to: what an unknown address is compared with. */
export function hashOfNobody(): Promise<string> {
  dummyHash ??= argon2.hash('no such user', parameters)
  return dummyHash
}

/** Whether a hash came from elsewhere or has weaker parameters than ours, and is due for another at the next sign-in. */
export function needsRehash(passwordHash: string): boolean {
  return !passwordHash.startsWith('$argon2id$') || argon2.needsRehash(passwordHash, parameters)
}

let dummyHash: Promise<string> | undefined

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (hashing.pendingCount >= longestQueue) {
    throw new GatehouseError(
      'temporarily_unavailable',
      'Too many sign-ins at this moment. Try again in a few seconds.',
      {
        retryAfterSeconds: 5,
      },
    )
  }
  return hashing(work)
}
