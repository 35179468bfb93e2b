import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { openDatabase } from '#foundation/database/database.ts'
import { migrate } from '#foundation/database/migrate.ts'
import type { LoadJob, LoadResult } from './load.ts'
import { resourceServer, type Seed, seed, serviceAccount } from './seed.ts'

/**
 * `npm run bench`: introspection of access tokens and API keys on PostgreSQL and embedded, of a thousand keys and a million,
 * with one team and fifty; the refresh grant and client credentials; each interleaved with the yardstick in the same run, as
 * ratios to it. The token endpoint is compared with bare oidc-provider besides.
 */
const { values: options } = parseArgs({
  options: {
    connections: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '1000' },
    keys: { type: 'string', default: '1000' },
    'many-keys': { type: 'string', default: '1000000' },
    teams: { type: 'string', default: '1' },
    'many-teams': { type: 'string', default: '50' },
    only: { type: 'string', default: '' },
    postgres: { type: 'string', default: process.env.BENCH_DATABASE_URL ?? 'postgres://127.0.0.1:5432/postgres' },
    profile: { type: 'string' },
  },
})
const connections = Number(options.connections)
const seconds = Number(options.seconds)

interface Target {
  name: string
  port: number
  process: ChildProcess
  requests: string[]
  chained?: boolean
  /** What its ratio is to. */
  to: 'yardstick' | 'API keys, postgres' | 'bare refresh' | 'bare client credentials'
}

interface Measured extends LoadResult {
  perSecond: number
  /** CPU of the server process for each answer, microseconds, kernel included. */
  cpu: number
}

const children: ChildProcess[] = []
const cleanUps: (() => void | Promise<void>)[] = []
let nextPort = 20_000 + Math.floor(Math.random() * 20_000)

try {
  const targets = (await startTargets()).filter(({ name }) => name === 'yardstick' || name.includes(options.only))
  const results = new Map<string, Measured[]>(targets.map(({ name }) => [name, []]))
  for (const target of targets) await measure(target, Math.min(2, seconds))
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const target of targets) results.get(target.name)?.push(await measure(target, seconds))
  }
  print(targets, results)
} finally {
  for (const child of children) child.kill('SIGTERM')
  await Promise.all(children.map((child) => (child.exitCode === null ? once(child, 'exit') : undefined)))
  for (const cleanUp of cleanUps) await cleanUp()
}

async function startTargets(): Promise<Target[]> {
  const targets: Target[] = []
  const yardstick = await start('bench/yardstick.ts')
  const hello = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
  targets.push({ name: 'yardstick', ...yardstick, requests: [hello], to: 'yardstick' })

  const asked = (...names: string[]) => names.some((name) => name.includes(options.only))
  if (asked('bare', 'refresh', 'client credentials')) targets.push(...(await startBareProvider()))
  for (const kind of ['postgres', 'embedded'] as const) {
    if (!asked(`introspection, ${kind}`, `API keys, ${kind}`, `refresh, ${kind}`, `client credentials, ${kind}`))
      continue
    targets.push(...(await startGatehouse(kind)))
  }
  // Embedded the database is the process's own: a million keys are for PostgreSQL.
  const { keys, teams, 'many-keys': manyKeys, 'many-teams': manyTeams } = options
  const variants = [
    { name: `API keys, postgres, ${manyKeys} keys`, keys: manyKeys, teams },
    { name: `API keys, postgres, ${manyTeams} teams`, keys, teams: manyTeams },
  ]
  for (const { name, ...size } of variants) {
    if (!asked(name)) continue
    const started = await startGatehouse('postgres', size)
    const target = started.find(({ name }) => name.startsWith('API keys'))
    if (target) targets.push({ ...target, name, to: 'API keys, postgres' })
  }
  return targets
}

async function startBareProvider(): Promise<Target[]> {
  const bare = await start('bench/bare-provider.ts', { CONNECTIONS: String(connections) })
  const bareTokens = JSON.parse(bare.output.split('\n').find((line) => line.startsWith('[')) ?? '[]') as string[]
  return [
    {
      name: 'bare refresh',
      ...bare,
      requests: bareTokens.map(refreshRequest(bare.port)),
      chained: true,
      to: 'yardstick',
    },
    { name: 'bare client credentials', ...bare, requests: [clientCredentialsRequest(bare.port)], to: 'yardstick' },
  ]
}

async function startGatehouse(
  kind: 'postgres' | 'embedded',
  { keys, teams }: { keys: string; teams: string } = options,
): Promise<Target[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  cleanUps.push(() => rmSync(dataDir, { recursive: true, force: true }))
  const databaseUrl = kind === 'postgres' ? await createDatabase() : undefined
  if (kind === 'postgres' && !databaseUrl) return []
  const database = await openDatabase({ databaseUrl, dataDir, onError: () => {} })
  await migrate(database.db)
  const seeded: Seed = await seed(database, {
    tokens: Number(options.tokens),
    keys: Number(keys),
    teams: Number(teams),
    connections,
  })
  await database.close()
  const server = await start('src/main.ts', {
    DATA_DIR: dataDir,
    ...(databaseUrl && { DATABASE_URL: databaseUrl }),
    LOG_LEVEL: 'warn',
    ENCRYPTION_KEYS: randomBytes(32).toString('base64'),
  })
  const on = { port: server.port, process: server.process }
  return [
    { name: `introspection, ${kind}`, ...on, requests: seeded.tokens.map(introspection(server.port)), to: 'yardstick' },
    { name: `API keys, ${kind}`, ...on, requests: seeded.keys.map(introspection(server.port)), to: 'yardstick' },
    {
      name: `refresh, ${kind}`,
      ...on,
      requests: seeded.refreshTokens.map(refreshRequest(server.port)),
      chained: true,
      to: 'bare refresh',
    },
    {
      name: `client credentials, ${kind}`,
      ...on,
      requests: [clientCredentialsRequest(server.port)],
      to: 'bare client credentials',
    },
  ]
}

/** A database of our own on the server that --postgres names; undefined where none answers. */
async function createDatabase(): Promise<string | undefined> {
  const name = `gatehouse_bench_${randomBytes(4).toString('hex')}`
  const admin = async (sql: string) => {
    const client = new pg.Client({ connectionString: options.postgres })
    await client.connect()
    await client.query(sql)
    await client.end()
  }
  try {
    await admin(`create database ${name}`)
  } catch (error) {
    console.error(`PostgreSQL is left out: ${(error as Error).message}`)
    return undefined
  }
  cleanUps.push(() => admin(`drop database ${name} with (force)`))
  const url = new URL(options.postgres)
  url.pathname = `/${name}`
  return url.href
}

async function start(file: string, environment: Record<string, string> = {}) {
  const port = nextPort++
  const profile = options.profile && file === 'src/main.ts' ? ['--cpu-prof', '--cpu-prof-dir', options.profile] : []
  const child = spawn(process.execPath, [...profile, file], {
    env: { ...process.env, PORT: String(port), ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let output = ''
  child.stdout?.on('data', (chunk) => {
    output += chunk
  })
  while (!output.includes('ready')) {
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])
    if (child.exitCode !== null) throw new Error(`${file} ended before it was ready`)
  }
  return { port, process: child, output }
}

async function measure(
  { port, process: child, requests, chained = false }: Target,
  duration: number,
): Promise<Measured> {
  const job: LoadJob = { port, connections, seconds: duration, requests, chained }
  const before = cpuMicroseconds(child)
  const load = spawn(process.execPath, ['bench/load.ts', '--run'], { stdio: ['pipe', 'pipe', 'inherit'] })
  load.stdin.end(JSON.stringify(job))
  let output = ''
  load.stdout.on('data', (chunk) => {
    output += chunk
  })
  await once(load, 'exit')
  const cpu = cpuMicroseconds(child) - before
  const result = JSON.parse(output) as LoadResult
  result.chainedRequests?.forEach((request, index) => {
    // A refresh token is spent by its use: the next round goes on with the last one that each connection got.
    requests[index] = request
  })
  return { ...result, perSecond: result.answers / result.seconds, cpu: cpu / result.answers }
}

/** User and system time of a process. Linux counts in ticks of 10 ms. */
function cpuMicroseconds(child: ChildProcess): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

function print(targets: Target[], results: Map<string, Measured[]>): void {
  const median = (name: string, key: 'perSecond' | 'p50' | 'p99' | 'cpu' | 'failures') => {
    const sorted = (results.get(name) ?? []).map((measured) => measured[key]).sort((one, other) => one - other)
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  }
  const yardstickCpu = median('yardstick', 'cpu')
  console.log(`${connections} connections, ${options.tokens} access tokens, median of ${options.rounds} rounds`)
  console.table(
    targets.map(({ name, to }) => ({
      what: name,
      'answers/s': Math.round(median(name, 'perSecond')),
      ratio: (median(name, 'perSecond') / median(to, 'perSecond')).toFixed(2),
      to,
      'p50 ms': median(name, 'p50').toFixed(2),
      'p99 ms': median(name, 'p99').toFixed(2),
      'CPU µs': median(name, 'cpu').toFixed(1),
      'CPU ×': (median(name, 'cpu') / yardstickCpu).toFixed(2),
      failures: median(name, 'failures'),
    })),
  )
}

function introspection(port: number) {
  return (token: string) =>
    post(port, '/oauth/introspect', {
      authorization: basic(resourceServer),
      body: `token=${token}&ip=203.0.113.7&user_agent=Mozilla%2F5.0&method=GET&path=%2Fconfiguration-items`,
    })
}

function refreshRequest(port: number) {
  return (token: string) =>
    post(port, '/oauth/token', { body: `grant_type=refresh_token&client_id=console&refresh_token=${token}` })
}

function clientCredentialsRequest(port: number): string {
  return post(port, '/oauth/token', { authorization: basic(serviceAccount), body: 'grant_type=client_credentials' })
}

function post(port: number, path: string, { authorization, body }: { authorization?: string; body: string }): string {
  return [
    `POST ${path} HTTP/1.1`,
    `Host: localhost:${port}`,
    ...(authorization ? [`Authorization: ${authorization}`] : []),
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')
}

function basic({ clientId, clientSecret }: { clientId: string; clientSecret: string }): string {
  return `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
}
