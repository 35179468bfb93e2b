import type { Cluster, Redis } from 'ioredis'
import { type RateLimiterAbstract, RateLimiterPostgres, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { SqlPool } from '#foundation/database/sql-pool.ts'
import { GatehouseError, StoreAwayError } from '#foundation/errors.ts'

/** Counts tries under a key, once for all nodes. */
export interface RateLimit {
  /** Takes one try. @returns 0 when it is allowed, else after how many seconds to come back */
  take(key: string): Promise<number>
  /** Takes back one try that turned out not to count. */
  giveBack(key: string): Promise<void>
}

export type CreateRateLimit = (limit: { name: string; points: number; seconds: number }) => RateLimit

/** Counters live in Redis, where there is one, else in the database. */
export function rateLimits({ pool, redis }: { pool: SqlPool; redis: Redis | Cluster | undefined }): CreateRateLimit {
  return ({ name, points, seconds }) => {
    const options = { keyPrefix: `gatehouse:limit:${name}`, points, duration: seconds }
    const limiter: RateLimiterAbstract = redis
      ? new RateLimiterRedis({ ...options, storeClient: redis, rejectIfRedisNotReady: true })
      : new RateLimiterPostgres({
          ...options,
          storeClient: pool,
          storeType: 'pool',
          tableName: 'rate_limits',
          tableCreated: true,
          clearExpiredByTimeout: false,
        })
    return {
      async take(key) {
        try {
          await limiter.consume(key)
          return 0
        } catch (refusal) {
          if (refusal instanceof RateLimiterRes) return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
          throw refusal instanceof GatehouseError || !redis ? refusal : new StoreAwayError(refusal as Error)
        }
      },
      async giveBack(key) {
        await limiter.reward(key)
      },
    }
  }
}
