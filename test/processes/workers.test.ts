import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { askIntrospection, clientToken } from '#support/credential-requests.ts'
import { createTestDatabase, postgresAvailable, type TestDatabase } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { basic, resourceServer, setup } from '#support/gatehouse.ts'
import { asAdmin } from '#support/postgres-server.ts'
import { logLines, type ServerProcess, startProcess } from '#support/server-process.ts'

// A process takes seconds to start where other tests keep the processors busy.
vi.setConfig({ testTimeout: 120_000 })

describe.runIf(postgresAvailable())('with WORKERS=2', () => {
  let database: TestDatabase
  let port: number
  let url: string
  let environment: NodeJS.ProcessEnv
  let server: ServerProcess
  beforeAll(async () => {
    database = await createTestDatabase('postgres')
    port = await freePort()
    url = `http://localhost:${port}`
    const GATEHOUSE_CONFIG = join(database.dataDir, 'gatehouse.yaml')
    writeFileSync(GATEHOUSE_CONFIG, setup)
    environment = {
      PORT: String(port),
      WORKERS: '2',
      DATABASE_URL: database.databaseUrl,
      DATA_DIR: database.dataDir,
      GATEHOUSE_CONFIG,
    }
  })
  afterAll(async () => {
    await server.kill()
    await database.drop()
  })

  test('two processes serve one port, say once that they are ready, and stop together', async () => {
    server = startProcess(environment)
    await server.printed(`gatehouse ready on ${url}`)
    const token = await clientToken(url)
    const headers = { authorization: basic(resourceServer) }
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => askIntrospection(url, headers, `token=${token}`)),
    )
    for (const { status, text } of answers) expect([status, JSON.parse(text).active]).toEqual([200, true])
    // Each connection to the database belongs to one of two processes, whose ends are their own.
    const processes = childrenOf(server.child.pid!)
    expect(processes).toHaveLength(2)
    const connected = await asAdmin(database.databaseUrl!, (client) =>
      client.query(
        "select count(*)::int as n from pg_stat_activity where application_name = 'gatehouse' and datname = current_database()",
      ),
    )
    expect(connected.rows[0].n).toBeGreaterThanOrEqual(2)

    server.child.kill('SIGTERM')
    expect(await server.ended).toBe(0)
    const ready = server
      .stdout()
      .split('\n')
      .filter((line) => line.startsWith('gatehouse ready'))
    expect(ready).toHaveLength(1)
    for (const line of logLines(server.stdout())) expect(() => JSON.parse(line)).not.toThrow()
    expect(server.stderr()).toBe('')
    for (const pid of processes) expect(isAlive(pid)).toBe(false)
  })

  test('one that dies is replaced, and the other goes on serving', async () => {
    server = startProcess(environment)
    await server.printed(`gatehouse ready on ${url}`)
    const [victim, survivor] = childrenOf(server.child.pid!)
    process.kill(victim!, 'SIGKILL')
    for (let now: number[] = []; now.length !== 2 || now.includes(victim!); now = childrenOf(server.child.pid!)) {
      await setTimeout(20)
    }
    for (let request = 0; request < 10; request++) expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect(childrenOf(server.child.pid!)).toContain(survivor)
    server.child.kill('SIGTERM')
    expect(await server.ended).toBe(0)
  })

  test('that cannot start ends with the exit code of the reason', async () => {
    const failed = startProcess({ ...environment, GATEHOUSE_CONFIG: '/nowhere.yaml' })
    expect(await failed.ended).toBe(2)
    expect(failed.stderr()).toContain('gatehouse: /nowhere.yaml:1:1 cannot be read (ENOENT)\n')
    expect(failed.stdout()).not.toContain('ready')
  })
})

/** As Linux tells it. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
