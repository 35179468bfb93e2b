import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { send } from '#support/credential-requests.ts'
import { createTestDatabase, postgresAvailable, type TestDatabase } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { basic, resourceServer, setup } from '#support/gatehouse.ts'
import { logLines, npmStart, type ServerProcess, startProcess } from '#support/server-process.ts'

// A process takes seconds to start where other tests keep the processors busy.
vi.setConfig({ testTimeout: 120_000 })

const processes: ServerProcess[] = []
let database: TestDatabase
let port: number
let url: string
beforeAll(async () => {
  database = await createTestDatabase('embedded')
  port = await freePort()
  url = `http://localhost:${port}`
})
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()))
})
afterAll(() => database.drop())

function start(environment: NodeJS.ProcessEnv = {}, how = startProcess): ServerProcess {
  const process = how({ PORT: String(port), DATA_DIR: database.dataDir, ...environment })
  processes.push(process)
  return process
}

/** An introspection of which the server has read the head and half of the body. */
async function beginSlowRequest(connection: 'close' | 'keep-alive') {
  const body = 'token=unknown-unknown-unknown'
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const closed = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve))
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    answer += chunk
  })
  const headers = [
    `Host: localhost:${port}`,
    `Authorization: ${basic(resourceServer)}`,
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
    `Connection: ${connection}`,
    'Expect: 100-continue',
  ]
  socket.write(`POST /oauth/introspect HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
  // 100 Continue says that the request is under way.
  await once(socket, 'data')
  socket.write(body.slice(0, 10))
  return {
    async finish() {
      socket.write(body.slice(10))
      await closed
      return answer
    },
  }
}

describe('a first start, in a directory that is not there yet', () => {
  let parent: string
  beforeAll(() => {
    parent = mkdtempSync(join(tmpdir(), 'gatehouse-first-'))
  })
  afterAll(() => rmSync(parent, { recursive: true }))

  test('says in one line what takes the time, before anything else, and then that it is ready', async () => {
    const DATA_DIR = join(parent, 'data')
    const server = start({ DATA_DIR })
    await server.printed(`gatehouse ready on ${url}`)
    const lines = server
      .stdout()
      .split('\n')
      .filter((line) => line !== '')
    expect(lines[0]).toBe(`  Gatehouse makes a database in ${DATA_DIR}, with people to try it as. Some seconds.`)
    expect(lines.filter((line) => line.includes('makes a database'))).toHaveLength(1)
  })
})

describe('a server without configuration', () => {
  let passwords: string[]

  test('shows the demo with its passwords at the first start, says that it is ready, and logs JSON', async () => {
    const server = start()
    await server.printed(`gatehouse ready on ${url}`)
    const stdout = server.stdout()
    expect(stdout).toContain(`Open ${url}/demo`)
    passwords = stdout.match(/\b[a-z0-9]{4}(-[a-z0-9]{4}){3}\b/g) ?? []
    expect(new Set(passwords).size).toBe(5)
    for (const email of ['ada@acme.test', 'grace@globex.test', 'nobody@example.test', 'root@example.test']) {
      expect(stdout).toContain(email)
    }
    expect((await fetch(`${url}/nothing-here?ApiKey=never-logged`)).status).toBe(404)
    server.child.kill('SIGTERM')
    expect(await server.ended).toBe(0)
    expect(
      server
        .stdout()
        .split('\n')
        .filter((line) => line.startsWith('gatehouse ready')),
    ).toHaveLength(1)
    const lines = logLines(server.stdout()).map((line) => JSON.parse(line))
    expect(lines).toContainEqual(expect.objectContaining({ path: '/nothing-here', status: 404, msg: 'request' }))
    expect(server.stdout()).not.toContain('never-logged')
    expect(server.stderr()).toBe('')
    expect(statSync(join(database.dataDir, 'encryption-keys')).mode & 0o777).toBe(0o600)
  })

  test('shows no password at the second start, and holds its directory and its port', async () => {
    const first = start()
    await first.printed(`gatehouse ready on ${url}`)
    expect(first.stdout()).toContain(`Open ${url}/demo`)
    expect(first.stdout()).not.toContain('makes a database')
    expect(first.stdout()).not.toMatch(/\b[a-z0-9]{4}(-[a-z0-9]{4}){3}\b/)

    const sameDirectory = start({ PORT: String(await freePort()) })
    const another = await createTestDatabase('embedded')
    const samePort = start({ DATA_DIR: another.dataDir })
    expect(await sameDirectory.ended).toBe(1)
    expect(sameDirectory.stdout()).not.toContain('ready')
    expect(sameDirectory.stderr()).toBe(
      `gatehouse: ${database.dataDir} is in use by another Gatehouse process; stop it, or choose another DATA_DIR\n`,
    )
    expect(await samePort.ended).toBe(1)
    expect(samePort.stderr()).toMatch(/^gatehouse: .*EADDRINUSE.*\n$/)
    await another.drop()

    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect((await fetch(`${url}/.well-known/openid-configuration`)).status).toBe(200)
    first.child.kill('SIGINT')
    expect(await first.ended).toBe(0)
  })
})

describe('a server that is told to stop', () => {
  let environment: NodeJS.ProcessEnv
  beforeAll(() => {
    mkdirSync(join(database.dataDir, 'configured'))
    const GATEHOUSE_CONFIG = join(database.dataDir, 'gatehouse.yaml')
    writeFileSync(GATEHOUSE_CONFIG, setup)
    environment = { DATA_DIR: join(database.dataDir, 'configured'), GATEHOUSE_CONFIG }
  })

  test.each([
    ['as a process', 'close', startProcess],
    ['as a process, with a client that keeps its connection,', 'keep-alive', startProcess],
    ['through npm', 'close', npmStart],
  ] as const)('%s finishes what is under way and exits 0', async (_name, connection, how) => {
    const server = start(environment, how)
    await server.printed(`gatehouse ready on ${url}`)
    // It is configured: no demo.
    expect(server.stdout()).not.toMatch(/demo|passwords/)
    expect(await statusOf('/demo', `localhost:${port}`)).toBe(404)
    const slow = await beginSlowRequest(connection)
    server.child.kill('SIGTERM')
    await refused(port)
    const answer = await slow.finish()
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK/m)
    expect(answer).toContain('{"active":false}')
    expect(await server.ended).toBe(0)
    for (const line of logLines(server.stdout())) expect(() => JSON.parse(line)).not.toThrow()
  })
})

describe('there is no demo', () => {
  const key = Buffer.alloc(32, 1).toString('base64')
  test.each<[string, NodeJS.ProcessEnv]>([
    ['in production', { NODE_ENV: 'production', ENCRYPTION_KEYS: key, HOST: '127.0.0.1' }],
    ['where the issuer is not a loopback address', { ISSUER: 'https://id.example.com' }],
  ])('%s', async (_name, environment) => {
    const another = await createTestDatabase('embedded')
    const server = start({ DATA_DIR: another.dataDir, ...environment })
    const issuer = environment.ISSUER ?? url
    await server.printed(`gatehouse ready on ${issuer}`)
    const { host } = new URL(issuer)
    expect(await statusOf('/demo', host)).toBe(404)
    expect(await statusOf('/healthz', host)).toBe(200)
    expect(server.stdout()).not.toMatch(/with demo data|Open |passwords/)
    await server.kill()
    await another.drop()
  })

  test.runIf(postgresAvailable())('where there is a DATABASE_URL', async () => {
    const another = await createTestDatabase('postgres')
    const server = start({ DATA_DIR: another.dataDir, DATABASE_URL: another.databaseUrl })
    await server.printed(`gatehouse ready on ${url}`)
    expect(await statusOf('/demo', `localhost:${port}`)).toBe(404)
    expect(server.stdout()).not.toMatch(/with demo data|Open |passwords/)
    server.child.kill('SIGTERM')
    expect(await server.ended).toBe(0)
    await another.drop()
  })
})

/** Resolves once nothing listens on the port any more. */
async function refused(at: number): Promise<void> {
  for (;;) {
    const socket = connect(at, '127.0.0.1')
    const outcome = await Promise.race([
      once(socket, 'connect').then(() => 'accepted'),
      new Promise<string>((resolve) => socket.once('error', () => resolve('refused'))),
    ])
    socket.destroy()
    if (outcome === 'refused') return
  }
}

async function statusOf(path: string, host: string): Promise<number> {
  return (await send(url, { path, headers: { host } })).status
}
