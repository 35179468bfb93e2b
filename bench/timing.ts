import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import argon2 from 'argon2'
import pino from 'pino'
import { hashPassword } from '#authentication/passwords/password.ts'
import { readConfig } from '#foundation/config/config.ts'
import { toJson } from '#foundation/database/database.ts'
import { startServer } from '../src/server.ts'

/**
 * `npm run timing`: whether the time of an answer tells if an address is known. Wrong passwords for unknown addresses,
 * for known ones, and for ones whose hashes came from elsewhere and cost more, one after the other in turn, on an embedded
 * server of its own; medians in milliseconds and their differences from the unknown.
 */
const kinds = ['unknown', 'known', 'imported'] as const
type Kind = (typeof kinds)[number]
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
  const times: Record<Kind, number[]> = { unknown: [], known: [], imported: [] }
  for (let attempt = -10; attempt < attempts; attempt++) {
    for (const kind of attempt % 2 ? kinds : kinds.toReversed()) {
      const milliseconds = await wrongPassword(`${kind}${Math.abs(attempt)}@acme.test`)
      if (attempt >= 0) times[kind].push(milliseconds)
    }
  }
  const unknown = median(times.unknown)
  const row = (kind: Kind) => ({
    'median in ms': median(times[kind]),
    'difference in %': (100 * (median(times[kind]) - unknown)) / unknown,
  })
  console.table(Object.fromEntries(kinds.map((kind) => [kind, row(kind)])))
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
  const password = randomBytes(16).toString('base64')
  const hashes = {
    known: await hashPassword(password),
    // What argon2 libraries take where nothing is asked for.
    imported: await argon2.hash(password, { memoryCost: 65_536, timeCost: 3, parallelism: 4 }),
  }
  const people = Array.from({ length: Math.max(attempts, 11) }, (_, person) => person)
  for (const [kind, passwordHash] of Object.entries(hashes))
    for (const person of people) {
      await server.database.db
        .insertInto('users')
        .values({
          id: `usr_${kind}${person}`,
          email: `${kind}${person}@acme.test`,
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
