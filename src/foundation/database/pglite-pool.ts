import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { PGlite, protocol } from '@electric-sql/pglite'
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

const { serialize } = protocol
const { CommandCompleteMessage, DataRowMessage, RowDescriptionMessage } = protocol.messages

/** Values become parameters as pg makes them, so that both databases are given the same. */
const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): string | Buffer | null } }).utils

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
  })
  await pglite.exec(settings.join('; '))
  const turns = new Turns()
  const statements = new PreparedStatements()
  const prepared = new Set<string>()

  async function run({ text, values = [], rowMode }: Query): Promise<QueryResult> {
    if (pglite.closed) throw new Error('the embedded database is closed')
    const messages = values.length === 0 ? await send(serialize.query(text)) : await bind(text, values)
    return resultOf(messages, rowMode)
  }

  /** Executes with values bound, in one call where PGlite's `query` makes five; planned the first time, where that pays. */
  async function bind(text: string, values: unknown[]): Promise<ProtocolMessages> {
    const statement = statements.nameOf(text, values)
    if (statement && !prepared.has(statement)) {
      await send(serialize.parse({ name: statement, text }), serialize.sync())
      prepared.add(statement)
    }
    return send(
      ...(statement ? [] : [serialize.parse({ text })]),
      serialize.bind({ statement, values: values.map(prepareValue) }),
      serialize.describe({ type: 'P' }),
      serialize.execute({}),
      serialize.sync(),
    )
  }

  async function send(...messages: Uint8Array[]): Promise<ProtocolMessages> {
    return (await pglite.execProtocol(Buffer.concat(messages))).messages
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

type ProtocolMessages = Awaited<ReturnType<PGlite['execProtocol']>>['messages']

/** Of the last statement, its values read as pg reads them. */
function resultOf(messages: ProtocolMessages, rowMode: Query['rowMode']): QueryResult {
  let result: QueryResult = { command: '', rowCount: 0, rows: [] }
  let rows: unknown[] = []
  let read = (_: (string | null)[]): unknown => undefined
  for (const message of messages) {
    if (message instanceof RowDescriptionMessage) read = rowReader(message.fields, rowMode)
    else if (message instanceof DataRowMessage) rows.push(read(message.fields))
    else if (message instanceof CommandCompleteMessage) {
      // "SELECT 3", "INSERT 0 3", "BEGIN"
      const [command = '', ...counts] = message.text.split(' ')
      result = { command, rowCount: Number(counts.at(-1) ?? 0), rows }
      rows = []
    }
  }
  return result
}

function rowReader(fields: readonly { name: string; dataTypeID: number }[], rowMode: Query['rowMode']) {
  const parsers = fields.map(({ dataTypeID }) => pg.types.getTypeParser(dataTypeID, 'text'))
  const read = (values: (string | null)[]) =>
    values.map((value, index) => (value === null ? null : parsers[index]?.(value)))
  if (rowMode === 'array') return read
  return (values: (string | null)[]) =>
    Object.fromEntries(read(values).map((value, index) => [fields[index]?.name, value]))
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
