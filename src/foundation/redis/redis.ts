import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { StoreAwayError } from '#foundation/errors.ts'
import { parseRedisUrl, type RedisTarget } from './redis-url.ts'

/** One Redis, its Sentinel-managed primary, or a cluster. Every key gets the prefix `gatehouse:` by itself. */
export type RedisClient = Redis | Cluster

/** Long enough for a failover's hiccup on the network, short enough that no person stares at a blank page. */
const commandTimeoutMs = 2_000
const connectTimeoutMs = 2_000
const firstConnectionTimeoutMs = 10_000

/**
 * Connects to what REDIS_URL names (its forms: `parseRedisUrl`) and waits until it can be used. From then on a broken
 * connection is made again in the background; meanwhile commands fail within seconds, so that a request gets an error
 * instead of hanging: StoreAwayError. Nothing here ends the process.
 * @param options.onError every failure of a connection, for the log
 * @throws when there is no connection within 10 s
 */
export async function connectRedis(url: string, options: { onError: (error: Error) => void }): Promise<RedisClient> {
  const target = parseRedisUrl(url)
  const redis = target.kind === 'cluster' ? clusterOf(target) : serverOf(target)
  // An EventEmitter without a listener for `error` throws instead.
  redis.on('error', options.onError)
  try {
    await firstConnection(redis)
  } catch (cause) {
    redis.disconnect()
    const nodes = target.nodes.map(({ host, port }) => `${host}:${port}`).join(', ')
    throw new Error(`cannot use Redis at ${nodes}: ${(cause as Error).message}`, { cause })
  }
  return tellingOutages(redis)
}

/** What Redis itself says against a command is a mistake of ours, except where it has no primary or is still loading. */
const outage = /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|MISCONF|OOM)\b/

function tellingOutages(redis: RedisClient): RedisClient {
  const send = redis.sendCommand.bind(redis) as (...command: unknown[]) => Promise<unknown>
  redis.sendCommand = (...command: unknown[]) =>
    send(...command).catch((error: Error) => {
      throw error.name === 'ReplyError' && !outage.test(error.message) ? error : new StoreAwayError(error)
    })
  return redis
}

function serverOf(target: RedisTarget): Redis {
  const [node] = target.nodes
  const where: RedisOptions =
    target.kind === 'sentinel'
      ? {
          sentinels: [...target.nodes],
          name: target.primaryName,
          sentinelUsername: target.sentinelUsername,
          sentinelPassword: target.sentinelPassword,
          sentinelRetryStrategy: reconnectDelay,
          enableTLSForSentinelMode: target.tls,
          ...(target.tls && { sentinelTLS: {} }),
        }
      : { host: node!.host, port: node!.port }
  return new Redis({ ...commonOptions(target), ...where, db: target.database, retryStrategy: reconnectDelay })
}

function clusterOf(target: RedisTarget): Cluster {
  return new Cluster([...target.nodes], {
    keyPrefix: target.keyPrefix,
    lazyConnect: true,
    clusterRetryStrategy: reconnectDelay,
    maxRedirections: 4,
    redisOptions: commonOptions(target),
    // Certificates name hosts: the names go to the TLS handshake unresolved.
    ...(target.tls && {
      dnsLookup: (host: string, found: (error: null, address: string) => void) => found(null, host),
    }),
  })
}

function commonOptions(target: RedisTarget) {
  return {
    username: target.username,
    password: target.password,
    keyPrefix: target.keyPrefix,
    connectionName: 'gatehouse',
    lazyConnect: true,
    connectTimeout: connectTimeoutMs,
    // Without it a command waits as long as a silent peer keeps the connection open.
    commandTimeout: commandTimeoutMs,
    // A command may wait for one reconnection (a failover takes the old primary's connections), not for twenty.
    maxRetriesPerRequest: 1,
    ...(target.tls && { tls: {} }),
  }
}

function reconnectDelay(attempt: number): number {
  return Math.min(attempt * 100, 2_000)
}

async function firstConnection(redis: RedisClient): Promise<void> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no answer')), firstConnectionTimeoutMs)
  try {
    await Promise.race([redis.connect(), tooLate])
  } finally {
    clearTimeout(timer)
  }
}
