import type { DatabaseSurvey } from '#foundation/database/survey-database.ts'
import { connectRedis } from '#foundation/redis/redis.ts'
import { type Finding, findingsOf } from './finding.ts'

const oldestMajor = 15
const slowMs = 20
/** Signed values and lifetimes in Redis go by the nodes' own clocks. */
const clock = { warnMs: 1_000, failMs: 10_000 }

export function checkDatabase(survey: DatabaseSurvey, { embedded }: { embedded: boolean }): Finding[] {
  const { findings, ok, warn, fail } = findingsOf('database')
  const { version, major, latencyMs, pendingMigrations } = survey
  const name = embedded ? 'the embedded database' : `PostgreSQL ${version}`
  if (!embedded && major < oldestMajor) fail(`${name} is too old`, `Use PostgreSQL ${oldestMajor} or newer.`)
  if (pendingMigrations.length > 0) {
    warn(
      `${name} lacks ${pendingMigrations.join(', ')}`,
      'Start the server, or apply a setup file: either migrates it.',
    )
  }
  if (latencyMs > slowMs) {
    warn(
      `${name} answers in ${latencyMs.toFixed(1)} ms; every check of a credential waits for it`,
      'Put it nearer to the nodes, or find what it is busy with.',
    )
  }
  if (findings.length === 0) ok(`${name} answers in ${latencyMs.toFixed(1)} ms, migrations up to date`)
  return [...findings, ...checkClock(survey)]
}

function checkClock({ clockAheadMs }: DatabaseSurvey): Finding[] {
  const { findings, ok, warn, fail } = findingsOf('clock')
  const off = Math.abs(clockAheadMs)
  const message = `this machine's clock is ${(off / 1000).toFixed(1)} s ${clockAheadMs > 0 ? 'behind' : 'ahead of'} the database's`
  const advice = 'Keep the clocks of all machines by NTP.'
  if (off > clock.failMs) fail(message, advice)
  else if (off > clock.warnMs) warn(message, advice)
  else ok('this machine and the database agree')
  return findings
}

export async function checkRedis(redisUrl: string | undefined): Promise<Finding[]> {
  const { findings, ok, warn, fail } = findingsOf('redis')
  if (!redisUrl) return findings
  try {
    const redis = await connectRedis(redisUrl, { onError: () => {} })
    try {
      const startedAt = performance.now()
      await redis.ping()
      const tookMs = performance.now() - startedAt
      const version = /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? 'of unknown version'
      if (tookMs > slowMs) warn(`Redis ${version} answers in ${tookMs.toFixed(1)} ms`, 'Put it nearer to the nodes.')
      else ok(`Redis ${version} answers in ${tookMs.toFixed(1)} ms`)
    } finally {
      redis.disconnect()
    }
  } catch (error) {
    fail(
      (error as Error).message,
      'Nobody can sign in meanwhile. Check REDIS_URL, and that Redis runs and is reachable.',
    )
  }
  return findings
}
