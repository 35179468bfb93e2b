import { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import { connectRedis, type RedisClient } from '#foundation/redis/redis.ts'
import { freePort } from '#support/free-port.ts'
import { startRedis, startSentinel } from '#support/redis-server.ts'
import { findProgram } from '#support/temporary-server.ts'

const cleanUps: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function started<T extends { stop(): Promise<void> }>(server: Promise<T | undefined>): Promise<T> {
  const found = (await server)!
  cleanUps.push(() => found.stop())
  return found
}

async function connected(url: string, onError: (error: Error) => void = () => {}): Promise<RedisClient> {
  const redis = await connectRedis(url, { onError })
  cleanUps.push(async () => redis.disconnect())
  return redis
}

describe.runIf(findProgram('redis-server'))('a connection to Redis', () => {
  test('puts every key under gatehouse:', async () => {
    const server = await started(startRedis())
    const redis = await connected(server.url)
    await redis.set('Session:abc', '1')
    const plain = new Redis(server.url)
    expect(await plain.keys('*')).toEqual(['gatehouse:Session:abc'])
    plain.disconnect()
  })

  test('fails a command within seconds while Redis is away, reports why, and works again afterwards', async () => {
    const port = await freePort()
    const server = (await startRedis([], port))!
    const problems: Error[] = []
    const redis = await connected(`redis://127.0.0.1:${port}`, (error) => problems.push(error))
    await server.stop()
    const asked = Date.now()
    await expect(redis.get('key')).rejects.toThrow()
    expect(Date.now() - asked).toBeLessThan(5_000)
    await expect.poll(() => problems.length).toBeGreaterThan(0)
    await started(startRedis([], port))
    await expect.poll(() => redis.get('key').catch(() => 'not yet'), { timeout: 10_000 }).toBeNull()
  })

  test('fails a command within seconds when Redis hangs', async () => {
    const server = await started(startRedis())
    const redis = await connected(server.url)
    const other = new Redis(server.url)
    await other.call('CLIENT', 'PAUSE', '60000', 'ALL')
    const asked = Date.now()
    await expect(redis.get('key')).rejects.toThrow()
    expect(Date.now() - asked).toBeLessThan(3_500)
    other.disconnect()
  })

  test('is refused with the address and without the password when nothing answers', async () => {
    const port = await freePort()
    const attempt = connectRedis(`redis://:secret@127.0.0.1:${port}`, { onError: () => {} })
    await expect(attempt).rejects.toThrow(`127.0.0.1:${port}`)
    await expect(attempt).rejects.not.toThrow('secret')
  })

  test('finds the primary through Sentinels, also past one that is away', async () => {
    const primary = await started(startRedis())
    const sentinel = await started(startSentinel(primary.url, 'main'))
    const away = await freePort()
    const nodes = `127.0.0.1:${away},${new URL(sentinel.url).host}`
    const redis = await connected(`redis+sentinel://${nodes}/1?name=main`)
    await redis.set('key', 'value', 'EX', 60)
    expect(await redis.get('key')).toBe('value')
  })

  test('speaks to a cluster', async () => {
    const server = await started(startRedis(['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']))
    const admin = new Redis(server.url)
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await expect.poll(() => admin.call('CLUSTER', 'INFO'), { timeout: 10_000 }).toContain('cluster_state:ok')
    admin.disconnect()
    const away = await freePort()
    const redis = await connected(`redis+cluster://127.0.0.1:${away},${new URL(server.url).host}`)
    expect(await redis.set('key', 'value', 'EX', 60)).toBe('OK')
    expect(await redis.eval("return redis.call('get', KEYS[1])", 1, 'key')).toBe('value')
  })
})
