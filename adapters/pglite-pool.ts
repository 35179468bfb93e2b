import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { PGlite, types } from '@electric-sql/pglite'
import pg from 'pg'
import type { SqlPool } from '../src/database/database.ts'

/** Another process holds the data directory. Two PGlite processes on one directory would lose rows. */
export class DataDirInUseError extends Error {
  constructor(dataDir: string) {
    super(`${dataDir} is in use by another Gatehouse process; stop it, or choose another DATA_DIR`)
  }
}

interface Query {
  /** A named statement is planned once: planning costs several times what executing does here. */
  name?: string
  text: string
  values?: unknown[]
  rowMode?: 'array'
}

type QueryResult = { command: string; rowCount: number; rows: unknown[] }

/**
 * The embedded PostgreSQL (PGlite) behind the methods of pg's pool that we use, so that one SQL and one set of queries
 * serve both. It has a single connection: `connect` waits for its turn and `release` ends it.
 */
export async function openPglitePool(dataDir: string): Promise<SqlPool> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const unlock = lockDirectory(dataDir)
  const pglite = await PGlite.create({
    dataDir: join(dataDir, 'pglite'),
    parsers: {
      [types.BYTEA]: (value) => Buffer.from(value.slice(2), 'hex'),
      [types.INT8]: Number,
    },
  })
  const turns = new Turns()
  const prepared = new Set<string>()

  async function run({ name, text, values = [], rowMode }: Query): Promise<QueryResult> {
    const options = rowMode ? { rowMode } : undefined
    if (name && !prepared.has(name)) {
      await pglite.exec(`prepare ${pg.escapeIdentifier(name)} as ${text}`)
      prepared.add(name)
    }
    const result = name
      ? await pglite.query(executeStatement(name, values), [], options)
      : await pglite.query(text, values, options)
    return {
      command: text.trimStart().slice(0, 6).toUpperCase().trim(),
      rowCount: result.affectedRows || result.rows.length,
      rows: result.rows,
    }
  }

  const asQuery = (query: string | Query, values?: unknown[]) =>
    typeof query === 'string' ? { text: query, values } : query

  return {
    async connect() {
      const release = await turns.take()
      return { query: (query: string | Query, values?: unknown[]) => run(asQuery(query, values)), release }
    },
    async query(query: string | Query, values?: unknown[]) {
      const release = await turns.take()
      try {
        return await run(asQuery(query, values))
      } finally {
        release()
      }
    },
    async end() {
      const release = await turns.take()
      await pglite.close()
      unlock()
      release()
    },
  } as unknown as SqlPool
}

/** PGlite has no call for a named statement, SQL has. */
function executeStatement(name: string, values: unknown[]): string {
  const literals = values.map((value) => (value == null ? 'null' : pg.escapeLiteral(String(value))))
  return `execute ${pg.escapeIdentifier(name)}${literals.length > 0 ? `(${literals.join(', ')})` : ''}`
}

/** First come, first served. */
class Turns {
  #last: Promise<void> = Promise.resolve()

  async take(): Promise<() => void> {
    const previous = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    await previous
    return resolve
  }
}

/**
 * A lock of the operating system, taken through SQLite because Node has none of its own: it ends with the process,
 * however that ends, and knows no stale state as a file with a process id does.
 */
function lockDirectory(dataDir: string): () => void {
  const lock = new DatabaseSync(join(dataDir, 'lock'))
  try {
    lock.exec('pragma locking_mode = exclusive; pragma journal_mode = memory; begin exclusive')
  } catch {
    lock.close()
    throw new DataDirInUseError(dataDir)
  }
  return () => lock.close()
}
