import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { PGlite, types } from '@electric-sql/pglite'
import pg from 'pg'
import { isCluster, unpackEmptyCluster } from './empty-cluster.ts'
import { PreparedStatements } from './prepared-statements.ts'
import type { SqlPool } from './sql-pool.ts'

/** PGlite's 128 MB would be resident from the start, beside the copies that the operating system keeps of the same pages. */
const sharedBuffers = '16MB'

/** Another process holds the data directory. Two PGlite processes on one directory would lose rows. */
export class DataDirInUseError extends Error {
  constructor(dataDir: string) {
    super(`${dataDir} is in use by another Gatehouse process; stop it, or choose another DATA_DIR`)
  }
}

interface Query {
  text: string
  values?: unknown[]
  rowMode?: 'array'
}

type QueryResult = { command: string; rowCount: number; rows: unknown[] }

/**
 * The embedded PostgreSQL (PGlite) behind the methods of pg's pool that we use, so that one SQL and one set of queries
 * serve both. It has a single connection: `connect` waits for its turn and `release` ends it.
 */
export async function openPglitePool(dataDir: string, settings: readonly string[] = []): Promise<SqlPool> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const unlock = lockDirectory(dataDir)
  const directory = clusterIn(dataDir)
  await unpackEmptyCluster(directory)
  const pglite = await PGlite.create({
    dataDir: directory,
    startParams: [...PGlite.defaultStartParams, '-c', `shared_buffers=${sharedBuffers}`],
    parsers: {
      [types.BYTEA]: (value) => Buffer.from(value.slice(2), 'hex'),
      [types.INT8]: Number,
    },
  })
  await pglite.exec(settings.join('; '))
  const turns = new Turns()
  const statements = new PreparedStatements()
  const prepared = new Set<string>()

  async function run({ text, values = [], rowMode }: Query): Promise<QueryResult> {
    const options = rowMode ? { rowMode } : undefined
    const statement = await asStatement(text, values)
    const results =
      statement === undefined ? undefined : await pglite.exec(statement, options).catch(throwWithoutValues)
    const result = results ? results.at(-1) : await pglite.query(text, values, options).catch(throwWithoutValues)
    const rows = result?.rows ?? []
    return { command: commandOf(text), rowCount: result?.affectedRows || rows.length, rows }
  }

  /**
   * The statement with its values in place, for one call into the database where the extended protocol takes five. It is
   * prepared the first time: planning costs several times what executing does here. Undefined where that is not possible.
   */
  async function asStatement(text: string, values: unknown[]): Promise<string | undefined> {
    if (values.length === 0) return text
    const name = statements.nameOf(text, values)
    if (!name) return undefined
    if (!prepared.has(name)) {
      await pglite.exec(`prepare ${name} as ${text}`)
      prepared.add(name)
    }
    return `execute ${name}(${values.map(literal).join(', ')})`
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

/** Whether `dataDir` holds an embedded database. */
export function embeddedDatabaseExists(dataDir: string): boolean {
  return isCluster(clusterIn(dataDir))
}

function clusterIn(dataDir: string): string {
  return join(dataDir, 'pglite')
}

/** PGlite's errors carry the statement with its values, which belong into no log; pg's don't. */
function throwWithoutValues(error: Error & { query?: unknown; params?: unknown; queryOptions?: unknown }): never {
  delete error.query
  delete error.params
  delete error.queryOptions
  throw error
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (value instanceof Date) return `'${value.toISOString()}'`
  if (value instanceof Uint8Array) return `'\\x${Buffer.from(value).toString('hex')}'`
  return pg.escapeLiteral(typeof value === 'object' ? JSON.stringify(value) : String(value))
}

function commandOf(text: string): string {
  return /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? ''
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
