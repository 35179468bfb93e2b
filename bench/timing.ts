import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { hashPassword } from '#authentication/passwords/password.ts'
import { readConfig } from '#foundation/config/config.ts'
import { toJson } from '#foundation/database/database.ts'
import { startServer } from '../src/server.ts'

/**
 * `npm run timing`: whether the time of an answer tells if an address is known. Wrong passwords for known and unknown
 * addresses, one after the other in turn, on an embedded server of its own; medians in milliseconds and their difference.
 */
const attempts = Number(process.argv[2] ?? 250)
const port = 20_000 + Math.floor(Math.random() * 20_000)
const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-timing-'))
const config = readConfig({
  PORT: String(port),
  DATA_DIR: dataDir,
  NODE_ENV: 'test',
  ENCRYPTION_KEYS: randomBytes(32).toString('base64'),
})
const server = await startServer({ ...config, demo: false }, { log: pino({ level: 'silent' }), environment: {} })
try {
  await insertPeople()
  const times = { known: [] as number[], unknown: [] as number[] }
  for (let attempt = -10; attempt < attempts; attempt++) {
    for (const kind of attempt % 2 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const)) {
      const milliseconds = await wrongPassword(`${kind}${Math.abs(attempt)}@acme.test`)
      if (attempt >= 0) times[kind].push(milliseconds)
    }
  }
  const [known, unknown] = [median(times.known), median(times.unknown)]
  console.table({ known, unknown, 'difference in %': (100 * (known - unknown)) / unknown })
} finally {
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
}

async function wrongPassword(email: string): Promise<number> {
  const started = performance.now()
  const answer = await fetch(`${server.url}/v1/auth/authenticate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: toJson({ email, password: 'not the password' }),
  })
  await answer.text()
  if (answer.status !== 401) throw new Error(`${email} was answered with ${answer.status}`)
  return performance.now() - started
}

async function insertPeople(): Promise<void> {
  const passwordHash = await hashPassword(randomBytes(16).toString('base64'))
  for (let person = 0; person < Math.max(attempts, 11); person++) {
    await server.database.db
      .insertInto('users')
      .values({
        id: `usr_${person}`,
        email: `known${person}@acme.test`,
        name: 'Somebody',
        emailVerifiedAt: new Date(),
        passwordHash,
        deactivatedAt: null,
      })
      .execute()
  }
}

function median(values: number[]): number {
  return values.sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}
