import { setTimeout } from 'node:timers/promises'
import { listPasswordSamples } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { hashOfNobody, secondsToRefuse } from './password.ts'

/** When a refusal may leave. */
export interface RefusalTime {
  /** Waits, without using the processor. @param startedAt when the verification began, by `performance.now()` */
  reached(startedAt: number): Promise<void>
  /** Measures anew what the dearest hash costs that anyone has. For the clock: hashes come with a file, and go. */
  measure(): Promise<void>
}

/** Above what the dearest costs, so that it is covered although the machine is busier than when it was measured. */
const headroom = 2

/**
 * One common time at which every refused password is answered. Hashes from elsewhere cost more or less than ours, so
 * without it the time of a refusal tells that an address has one of them; making an unknown address as dear as those
 * would tell of everyone else. Whatever takes longer all the same leaves at the next multiple.
 */
export function createRefusalTime({ db }: { db: Queryable }): RefusalTime {
  let commonMs: Promise<number> | undefined

  async function measured(): Promise<number> {
    const seconds: number[] = []
    for (const hash of [await hashOfNobody(), ...(await listPasswordSamples(db))])
      seconds.push(await secondsToRefuse(hash))
    return headroom * 1000 * Math.max(...seconds)
  }

  return {
    async reached(startedAt) {
      commonMs ??= remembered(measured())
      const slot = await commonMs
      const elapsed = performance.now() - startedAt
      await setTimeout(Math.ceil(elapsed / slot) * slot - elapsed)
    },
    async measure() {
      commonMs = Promise.resolve(await measured())
    },
  }

  /** What failed is tried again at the next refusal. */
  function remembered(measuring: Promise<number>): Promise<number> {
    measuring.catch(() => {
      commonMs = undefined
    })
    return measuring
  }
}
