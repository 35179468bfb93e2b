import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { loadSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { openDatabase } from '#foundation/database/database.ts'
import { createTestDatabase } from '#support/databases.ts'
import { startProcess } from '#support/server-process.ts'

// A process takes seconds to start where other tests keep the processors busy.
vi.setConfig({ testTimeout: 120_000 })

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-refused-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

async function outcomeOf(environment: NodeJS.ProcessEnv) {
  const server = startProcess({ DATA_DIR: join(directory, 'data'), ...environment })
  const code = await server.ended
  return { code, stderr: server.stderr(), stdout: server.stdout() }
}

test('every variable that cannot be used is one line that names it, without its value', async () => {
  const { code, stderr, stdout } = await outcomeOf({
    PORT: '70000',
    ISSUER: 'ftp://hunter2.example',
    DATABASE_URL: 'mysql://root:hunter2@localhost/gatehouse',
    REDIS_URL: 'http://hunter2@localhost',
    ENCRYPTION_KEYS: 'hunter2',
    SMTP_URL: 'https://hunter2@localhost',
    WORKERS: 'hunter2',
    TRUST_PROXY: 'hunter2',
    SIGN_UP: 'hunter2',
    SESSION_HOURS: '-1',
    API_KEY_PREFIX: 'Hunter2!',
    LOG_LEVEL: 'hunter2',
  })
  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).not.toMatch(/hunter2/i)
  const lines = stderr.split('\n').slice(0, -1)
  for (const line of lines) expect(line).toMatch(/^gatehouse: [A-Z_]+: \S.*$/)
  expect(lines.map((line) => line.split(': ')[1])).toEqual([
    ...['PORT', 'ISSUER', 'DATABASE_URL', 'REDIS_URL', 'ENCRYPTION_KEYS', 'SMTP_URL', 'WORKERS', 'TRUST_PROXY'],
    ...['SIGN_UP', 'SESSION_HOURS', 'API_KEY_PREFIX', 'LOG_LEVEL'],
  ])
  expect(existsSync(join(directory, 'data'))).toBe(false)
})

test('keys other than those of the database are one line', async () => {
  const { dataDir, drop } = await createTestDatabase('embedded')
  const database = await openDatabase({ databaseUrl: undefined, dataDir, onError: console.error })
  await loadSigningKeys(database.db, encryptionWith([randomBytes(32)]))
  await database.close()
  expect(await outcomeOf({ DATA_DIR: dataDir, ENCRYPTION_KEYS: randomBytes(32).toString('base64') })).toMatchObject({
    code: 2,
    stderr: 'gatehouse: ENCRYPTION_KEYS: lacks the key under which this database was encrypted\n',
  })
  await drop()
})

test('several workers need PostgreSQL', async () => {
  expect(await outcomeOf({ WORKERS: '2' })).toEqual({
    code: 2,
    stdout: '',
    stderr: 'gatehouse: WORKERS: more than 1 needs DATABASE_URL; the embedded database serves one process\n',
  })
})

test('a setup file that cannot be applied is told by file and line, and nothing starts', async () => {
  const file = join(directory, 'gatehouse.yaml')
  writeFileSync(file, 'permissions: []\nsurprise: hunter2\nusers: [{ email: hunter2 }]\n')
  const { code, stderr, stdout } = await outcomeOf({ GATEHOUSE_CONFIG: file })
  expect(code).toBe(2)
  expect(stderr).toBe(
    `gatehouse: ${file}:2:1 surprise: is not a known key\n` +
      `gatehouse: ${file}:3:18 users[0].email: must be an e-mail address\n`,
  )
  expect(stdout).not.toContain('ready')

  const missing = join(directory, 'none.yaml')
  expect(await outcomeOf({ GATEHOUSE_CONFIG: missing })).toMatchObject({
    code: 2,
    stderr: `gatehouse: ${missing}:1:1 cannot be read (ENOENT)\n`,
  })
})

test('a database that does not answer is one line without its password', async () => {
  for (const host of ['127.0.0.1', 'localhost']) {
    const DATABASE_URL = `postgres://ada:hunter2@${host}:1/gatehouse`
    const { code, stderr } = await outcomeOf({ DATABASE_URL })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^gatehouse: .*ECONNREFUSED.*\n$/)
    expect(stderr).not.toContain('hunter2')
  }
})
