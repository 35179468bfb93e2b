import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { openDatabase } from '#foundation/database/database.ts'
import { availableDatabases, createTestDatabase } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { password, setup } from '#support/gatehouse.ts'
import { startProcess } from '#support/server-process.ts'

// A process takes seconds to start where other tests keep the processors busy.
vi.setConfig({ testTimeout: 120_000 })

// S1-18
test.each(availableDatabases())('kill -9 after the last answer loses no use, whatever it was, on %s', async (kind) => {
  const database = await createTestDatabase(kind)
  const port = await freePort()
  mkdirSync(database.dataDir, { recursive: true })
  const GATEHOUSE_CONFIG = join(database.dataDir, 'gatehouse.yaml')
  writeFileSync(GATEHOUSE_CONFIG, setup)
  const server = startProcess({
    PORT: String(port),
    DATA_DIR: database.dataDir,
    GATEHOUSE_CONFIG,
    ...(database.databaseUrl && { DATABASE_URL: database.databaseUrl }),
  })
  const url = `http://localhost:${port}`
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { 'user-agent': 'crash', ...init.headers } as Record<string, string>
    const response = await fetch(`${url}${path}`, { ...init, headers })
    return (await response.json()) as Record<string, string>
  }
  const post = (path: string, body: object) =>
    ask(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  try {
    await server.printed(`gatehouse ready on ${url}`)
    const person = { email: 'grace@globex.test', password }
    let tokens = await post('/v1/auth/authenticate', person)
    await post('/v1/auth/authenticate', { ...person, password: 'wrong password' })
    for (let n = 0; n < 5; n++) tokens = await post('/v1/auth/refresh', { token: tokens.refresh_token })
    const headers = { authorization: `Bearer ${tokens.access_token}` }
    await Promise.all(Array.from({ length: 20 }, () => ask('/v1/me', { headers })))
    const client = { grant_type: 'refresh_token', client_id: 'console', refresh_token: 'x'.repeat(43) }
    await ask('/oauth/token', { method: 'POST', body: new URLSearchParams(client) })
    server.child.kill('SIGKILL')
    await server.ended

    const { db, close } = await openDatabase({ ...database, onError: () => {} })
    const entries = await db.selectFrom('authenticationLog').select('via').where('userAgent', '=', 'crash').execute()
    await close()
    expect(
      Object.fromEntries([...Map.groupBy(entries, ({ via }) => via)].map(([via, of]) => [via, of.length])),
    ).toEqual({
      'sign-in': 2,
      refresh: 5,
      bearer: 20,
      token: 1,
    })
  } finally {
    await server.kill()
    await database.drop()
  }
})
