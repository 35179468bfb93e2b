import { afterEach, expect, test, vi } from 'vitest'
import { Browser } from '#support/browser.ts'
import { createTestDatabase, postgresAvailable, type TestDatabase } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { logLines, type ServerProcess, startProcess } from '#support/server-process.ts'

// A process takes seconds to start where other tests keep the processors busy.
vi.setConfig({ testTimeout: 120_000 })

const person = { name: 'Rosa', email: 'rosa@example.test', password: 'under the old lighthouse' }
const key = Buffer.alloc(32, 1).toString('base64')

let server: ServerProcess
let database: TestDatabase
afterEach(async () => {
  await server.kill()
  await database.drop()
})

const linksIn = (text: string) => text.match(/http\S*\/setup\?token=[\w-]*/g) ?? []

async function statusOf(link: string): Promise<number> {
  return (await new Browser().get(link)).status
}

test.each(['in production', ...(postgresAvailable() ? ['with workers'] : [])])(
  'while there is no user, each start %s shows one new link, which no log has; after one has used it, none does',
  async (how) => {
    database = await createTestDatabase(how === 'with workers' ? 'postgres' : 'embedded')
    const port = await freePort()
    const { dataDir: DATA_DIR, databaseUrl: DATABASE_URL } = database
    const kind = how === 'with workers' ? { DATABASE_URL, WORKERS: '2' } : { NODE_ENV: 'production', HOST: '127.0.0.1' }
    const start = async () => {
      server = startProcess({ PORT: String(port), DATA_DIR, ENCRYPTION_KEYS: key, ...kind })
      await server.printed(`gatehouse ready on http://localhost:${port}`)
      return linksIn(server.stdout())
    }
    const stop = async () => {
      server.child.kill('SIGTERM')
      expect(await server.ended).toBe(0)
      for (const line of logLines(server.stdout())) expect(() => JSON.parse(line)).not.toThrow()
      expect(linksIn(logLines(server.stdout()).join('\n') + server.stderr())).toEqual([])
    }
    const [first = '', ...more] = await start()
    expect(more).toEqual([])
    expect(await statusOf(first)).toBe(200)
    await stop()
    const [second = ''] = await start()
    expect(second).not.toBe(first)
    expect(await statusOf(first)).toBe(410)

    const browser = new Browser()
    await browser.get(second)
    await browser.submit({ ...person, organization: 'Harbour' })
    await browser.submit({ password: person.password })
    expect(browser.page.url).toBe(`http://localhost:${port}/account/profile`)
    await stop()
    expect(await start()).toEqual([])
    await stop()
  },
)
