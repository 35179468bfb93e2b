import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { clientToken } from '#support/credential-requests.ts'
import { postgresAvailable } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { basic, type Gatehouse, resourceServer, serviceAccount, startGatehouse } from '#support/gatehouse.ts'
import { startRedis } from '#support/redis-server.ts'
import { startTcpProxy } from '#support/tcp-proxy.ts'
import { findProgram } from '#support/temporary-server.ts'
import { send } from '#support/wire.ts'
import { type RunningServer, startServer } from '../../src/server.ts'

/** Another node of the same deployment, with other ways to its stores. */
async function startNode(gatehouse: Gatehouse, stores: { databaseUrl?: string; redisUrl?: string }) {
  const port = await freePort()
  const log = pino({ level: 'silent' })
  const server = await startServer({ ...gatehouse.config, port, ...stores }, { log, environment: {} })
  return { ...server, port }
}

/** Of a program, of a proxy, of a browser. */
const requests = (token: string) => ({
  introspection: {
    method: 'POST',
    path: '/oauth/introspect',
    headers: { authorization: basic(resourceServer), 'content-type': 'application/x-www-form-urlencoded' },
    body: `token=${token}`,
  },
  verify: { path: '/v1/auth/verify', headers: { authorization: `Bearer ${token}` } },
  token: {
    method: 'POST',
    path: '/oauth/token',
    headers: { authorization: basic(serviceAccount), 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials',
  },
  account: { path: '/v1/me', headers: { authorization: `Bearer ${token}` } },
})

describe.runIf(postgresAvailable())('a PostgreSQL that is silent', () => {
  let gatehouse: Gatehouse
  let proxy: Awaited<ReturnType<typeof startTcpProxy>>
  let node: RunningServer & { port: number }
  let token: string
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database: 'postgres' })
    const url = new URL(gatehouse.config.databaseUrl!)
    proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port || 5432) })
    url.host = `127.0.0.1:${proxy.port}`
    node = await startNode(gatehouse, { databaseUrl: url.href })
    token = await clientToken(gatehouse.url)
  })
  afterAll(async () => {
    await node.stop()
    await proxy.stop()
    await gatehouse.stop()
  })

  const ask = (request: Parameters<typeof send>[2]) => send(gatehouse, node.port, request)

  test('every request gets 503 with Retry-After, readiness is told first, and all is well again by itself', async () => {
    for (const request of Object.values(requests(token))) expect((await ask(request)).status).toBeLessThan(500)
    proxy.fallSilent()
    const first = Promise.race([
      ask({ path: '/readyz' }).then((answer) => [answer.status, answer.text]),
      ...Object.values(requests(token)).map((request) => ask(request).then(() => 'another was answered before')),
    ])
    expect(await first).toEqual([503, '{"status":"unavailable"}'])
    // More at once than there are connections.
    const all = Object.entries(requests(token)).flatMap(([name, request]) =>
      Array.from({ length: 8 }, async () => {
        const { status, headers } = await ask(request)
        return [name, status, headers['retry-after']]
      }),
    )
    for (const answer of await Promise.all(all)) expect(answer).toEqual([expect.any(String), 503, '5'])
    expect((await ask({ path: '/healthz' })).status).toBe(200)

    proxy.recover()
    await vi.waitFor(
      async () => {
        for (const request of Object.values(requests(token))) expect((await ask(request)).status).toBeLessThan(500)
        expect((await ask({ path: '/readyz' })).status).toBe(200)
      },
      { timeout: 20_000 },
    )
  })
})

describe.runIf(findProgram('redis-server'))('a Redis that is away', () => {
  test('is 503 with Retry-After where it is needed, and nothing where it is not', async () => {
    const redisPort = await freePort()
    const redis = (await startRedis([], redisPort))!
    const gatehouse = await startGatehouse({ redisUrl: redis.url })
    const token = await clientToken(gatehouse.url)
    await redis.stop()
    try {
      const port = gatehouse.config.port
      const authorize = `/oauth/authorize?client_id=console&response_type=code&scope=openid&redirect_uri=${encodeURIComponent('http://localhost:8080/callback')}&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256`
      for (const accept of ['text/html', 'application/json']) {
        const answer = await send(gatehouse, port, { path: authorize, headers: { accept } })
        expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5'])
      }
      const login = await send(gatehouse, port, {
        method: 'POST',
        path: '/v1/auth/authenticate',
        headers: { 'content-type': 'application/json', authorization: basic(resourceServer) },
        body: JSON.stringify({ email: 'ada@acme.test', password: 'wrong' }),
      })
      expect([login.status, login.headers['retry-after']]).toEqual([503, '5'])
      expect((await send(gatehouse, port, requests(token).introspection)).status).toBe(200)
      expect((await send(gatehouse, port, { path: '/readyz' })).text).toBe('{"status":"degraded"}')
    } finally {
      await gatehouse.stop()
    }
  })
})
