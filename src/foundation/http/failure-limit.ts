import type { CreateRateLimit } from './rate-limit.ts'

/** Counts what goes wrong, so that a right request pays for no look at a counter. */
export interface FailureLimit {
  /** For how many seconds this node evaluates nothing more under the key; 0: go on. */
  blockedSeconds(key: string): number
  /** Counts one failure, for all nodes. @returns 0, or after how many seconds to come back */
  failed(key: string): Promise<number>
}

const mostRemembered = 10_000

/** Once a node has been told that a key is used up, it remembers that until the time is over. */
export function failureLimit(
  createRateLimit: CreateRateLimit,
  limit: { name: string; points: number; seconds: number },
): FailureLimit {
  const failures = createRateLimit(limit)
  const blockedUntil = new Map<string, number>()
  return {
    blockedSeconds(key) {
      const until = blockedUntil.get(key)
      if (until === undefined) return 0
      if (until > Date.now()) return Math.ceil((until - Date.now()) / 1000)
      blockedUntil.delete(key)
      return 0
    },
    async failed(key) {
      const seconds = await failures.take(key)
      if (seconds === 0) return 0
      if (blockedUntil.size >= mostRemembered) blockedUntil.clear()
      blockedUntil.set(key, Date.now() + seconds * 1000)
      return seconds
    },
  }
}
