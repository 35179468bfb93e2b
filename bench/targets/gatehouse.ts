import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, openDatabase } from '#foundation/database/database.ts'
import { migrate } from '#foundation/database/migrate.ts'
import { Browser } from '#support/browser.ts'
import { type Algorithm, password } from '../clients.ts'
import type { Speech } from '../conversations.ts'
import type { Target } from '../measure.ts'
import { options } from '../options.ts'
import { type BenchDatabase, createDatabase } from '../postgres.ts'
import { afterwards, type Started, start } from '../processes.ts'
import {
  authorizationPath,
  authorizationRequest,
  clientCredentialsRequest,
  codeRequest,
  introspectionRequest,
  refreshRequest,
  signInRequest,
} from '../requests.ts'
import { type Seed, type Size, seed } from '../seed.ts'

export type Kind = 'PostgreSQL' | 'embedded'

export interface Variant extends Partial<Size> {
  workers?: number
  /** What more is put into the database before the server starts. */
  fill?: (database: Database) => Promise<void>
}

/** A Gatehouse with people, clients and credentials, in front of a database of its own. */
export class Gatehouse {
  readonly kind: Kind
  readonly server: Started
  readonly seeded: Seed
  readonly database: BenchDatabase | undefined

  constructor(kind: Kind, server: Started, seeded: Seed, database: BenchDatabase | undefined) {
    this.kind = kind
    this.server = server
    this.seeded = seeded
    this.database = database
  }

  introspection(name = 'introspection'): Target {
    return this.#round(
      name,
      this.seeded.tokens.map((token) => introspectionRequest(this.server.port, token)),
    )
  }

  apiKeys(name: string): Target {
    return this.#round(
      name,
      this.seeded.keys.map((key) => introspectionRequest(this.server.port, key)),
    )
  }

  clientCredentials(): Target {
    return this.#round('client credentials', [clientCredentialsRequest(this.server.port)])
  }

  signIns(): Target {
    const people = Array.from({ length: 1_000 }, (_, person) => person)
    return this.#round(
      'sign-ins',
      people.map((person) => signInRequest(this.server.port, person)),
    )
  }

  refresh(algorithm: Algorithm): Target {
    const { port } = this.server
    const tokens = this.seeded.refreshTokens[algorithm]
    return this.#target(`refresh, ${algorithm}`, {
      kind: 'refresh',
      requests: tokens.map((token) => refreshRequest(port, token, algorithm)),
    })
  }

  async code(algorithm: Algorithm): Promise<Target> {
    const { port } = this.server
    const cookies: string[] = []
    for (let person = 0; person < options.connections; person++) cookies.push(await this.#signIn(person, algorithm))
    return this.#target(`code, ${algorithm}`, {
      kind: 'code',
      authorize: authorizationRequest(port, algorithm),
      redeem: codeRequest(port, algorithm),
      cookies,
    })
  }

  /** By the pages, as a person would. @returns the session's cookies */
  async #signIn(person: number, algorithm: Algorithm): Promise<string> {
    const email = `person${person}@acme.test`
    const browser = new Browser((url) => url.port === '8080')
    browser.headers = { 'x-forwarded-for': `10.1.0.${person}` }
    await browser.get(`http://localhost:${this.server.port}${authorizationPath(algorithm)}`)
    await browser.submit({ email })
    await browser.submit({ email, password })
    if (!browser.page.url.includes('code=')) throw new Error(`${email} was not signed in: ${browser.page.html}`)
    return browser.cookiesFor('/oauth/authorize')
  }

  #round(name: string, requests: string[]): Target {
    return this.#target(name, { kind: 'round', requests })
  }

  #target(name: string, speech: Speech): Target {
    return { name: `Gatehouse, ${this.kind}, ${name}`, server: this.server, speech, database: this.database }
  }
}

const usual = new Map<Kind, Promise<Gatehouse | undefined>>()

/** The one that most rows share. Undefined where there is no PostgreSQL. */
export function gatehouse(kind: Kind): Promise<Gatehouse | undefined> {
  const running = usual.get(kind) ?? startGatehouse(kind)
  usual.set(kind, running)
  return running
}

export async function startGatehouse(kind: Kind, variant: Variant = {}): Promise<Gatehouse | undefined> {
  const { workers = 1, fill, ...size } = variant
  const dataDir = temporaryDirectory()
  const database = kind === 'PostgreSQL' ? await createDatabase() : undefined
  if (kind === 'PostgreSQL' && !database) return undefined
  const opened = await openDatabase({ databaseUrl: database?.url, dataDir, onError: () => {} })
  await migrate(opened.background)
  const { tokens, keys, connections } = options
  const seeded = await seed(opened, { tokens, keys, connections, teams: 1, people: 0, ...size })
  await fill?.(opened)
  await opened.close()
  const server = await start('src/main.ts', {
    DATA_DIR: dataDir,
    ...(database && { DATABASE_URL: database.url }),
    WORKERS: String(workers),
    TRUST_PROXY: '127.0.0.1',
    LOG_LEVEL: 'warn',
    ENCRYPTION_KEYS: randomBytes(32).toString('base64'),
  })
  return new Gatehouse(kind, server, seeded, database)
}

/** Gone when the benchmark ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  afterwards(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
