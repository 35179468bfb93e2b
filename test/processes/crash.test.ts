import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { openDatabase } from '#foundation/database/database.ts'
import { clientToken } from '#support/credential-requests.ts'
import { availableDatabases, createTestDatabase } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { introspect, setup } from '#support/gatehouse.ts'
import { startProcess } from '#support/server-process.ts'

// A process takes seconds to start where other tests keep the processors busy.
vi.setConfig({ testTimeout: 120_000 })

const clients = 16
const answersBeforeTheEnd = 300

test.each(availableDatabases())('kill -9 under load loses no entry of an answered question, on %s', async (kind) => {
  const database = await createTestDatabase(kind)
  const port = await freePort()
  const url = `http://localhost:${port}`
  mkdirSync(database.dataDir, { recursive: true })
  const GATEHOUSE_CONFIG = join(database.dataDir, 'gatehouse.yaml')
  writeFileSync(GATEHOUSE_CONFIG, setup)
  const environment = {
    PORT: String(port),
    DATA_DIR: database.dataDir,
    GATEHOUSE_CONFIG,
    ...(database.databaseUrl && { DATABASE_URL: database.databaseUrl }),
  }
  const server = startProcess(environment)
  let again: ReturnType<typeof startProcess> | undefined
  try {
    await server.printed(`gatehouse ready on ${url}`)

    const token = await clientToken(url)
    const answered: string[] = []
    let asked = 0
    let garbageAnswered = 0
    async function askUntilItIsGone() {
      for (;;) {
        const isGarbage = asked % 4 === 0
        const userAgent = `crash-${asked++}`
        const presented = isGarbage ? 'x'.repeat(40) : token
        const answer = await introspect(url, presented, { user_agent: userAgent }).catch(() => undefined)
        if (!answer) return
        expect(JSON.parse(answer.text)).toMatchObject({ active: !isGarbage })
        if (isGarbage) garbageAnswered++
        else answered.push(userAgent)
        if (answered.length === answersBeforeTheEnd) server.child.kill('SIGKILL')
      }
    }
    await Promise.all(Array.from({ length: clients }, askUntilItIsGone))
    await server.ended
    expect(answered.length).toBeGreaterThanOrEqual(answersBeforeTheEnd)

    again = startProcess(environment)
    await again.printed(`gatehouse ready on ${url}`)
    expect((await introspect(url, 'x'.repeat(40))).status).toBe(200)
    again.child.kill('SIGTERM')
    expect(await again.ended).toBe(0)

    const { db, close } = await openDatabase({ ...database, onError: () => {} })
    const entries = await db
      .selectFrom('authenticationLog')
      .select('userAgent')
      .where('userAgent', 'like', 'crash-%')
      .execute()
    const sums = await db.selectFrom('unknownUses').select('count').execute()
    await close()
    const logged = new Set(entries.map((entry) => entry.userAgent))
    expect(answered.filter((userAgent) => !logged.has(userAgent))).toEqual([])
    expect(logged.size).toBe(entries.length)
    const counted = sums.reduce((total, { count }) => total + count, 0)
    expect(counted).toBeGreaterThanOrEqual(garbageAnswered)
    expect(counted).toBeLessThanOrEqual(asked / 4 + 2)
  } finally {
    await server.kill()
    await again?.kill()
    await database.drop()
  }
})
