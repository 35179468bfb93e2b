import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { openPglitePool } from './pglite-pool.ts'
import { PreparedStatements } from './prepared-statements.ts'
import type { Tables } from './schema.ts'
import type { SqlPool } from './sql-pool.ts'

/** What a query runs on, a pool or a transaction: it takes either, as `db` (or as `tx`, where it must be a transaction). */
export type Queryable = Kysely<Tables>

/** An opened database, of either kind: `database` wherever one is handed on whole. */
export interface Database {
  /** For every ordinary query. */
  readonly db: Queryable
  /** For statements written by hand. */
  readonly pool: SqlPool
  /** For the hot path: a few connections that only ever look rows up by an index. */
  readonly lookups: SqlPool
  readonly embedded: boolean
  close(): Promise<void>
}

const int8 = 20
pg.types.setTypeParser(int8, Number)

/**
 * Opens PostgreSQL at `databaseUrl`, else the embedded database in `dataDir`, which only one process may hold.
 * @throws DataDirInUseError when another process holds `dataDir`
 */
export async function openDatabase(options: {
  databaseUrl: string | undefined
  dataDir: string
  onError: (error: Error) => void
}): Promise<Database> {
  const { databaseUrl, dataDir, onError } = options
  const pool = databaseUrl
    ? connectPool({ databaseUrl, onError, max: 12 })
    : await openPglitePool(dataDir, lookupSettings)
  const lookups = databaseUrl ? connectPool({ databaseUrl, onError, max: 4, settings: lookupSettings }) : pool
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  })
  return {
    db,
    pool,
    lookups,
    embedded: !databaseUrl,
    async close() {
      if (lookups !== pool) await lookups.end()
      await db.destroy()
    },
  }
}

/** Whether PostgreSQL's text can hold it: U+0000 it cannot, so nothing is found by a name with one in it. */
export function isStorable(text: string): boolean {
  return !text.includes('\0')
}

/** The value of a jsonb or json column. */
export function toJson(value: unknown): string {
  return JSON.stringify(value)
}

/**
 * A planner that has seen small tables reads them whole for every row that it looks up, and plans anew as long as that
 * seems worth it. These connections only find rows by their keys: one plan, index by index, for a thousand or a million.
 */
const lookupSettings = [
  'set enable_seqscan = off',
  'set enable_hashjoin = off',
  'set enable_mergejoin = off',
  'set plan_cache_mode = force_generic_plan',
]

function connectPool({
  databaseUrl,
  onError,
  max,
  settings = [],
}: {
  databaseUrl: string
  onError: (error: Error) => void
  max: number
  settings?: readonly string[]
}): SqlPool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max,
    connectionTimeoutMillis: 5_000,
    application_name: 'gatehouse',
    Client: preparingClient(new PreparedStatements()),
    ...(settings.length > 0 && { onConnect: (client: pg.ClientBase) => client.query(settings.join('; ')) }),
  })
  // An idle connection that breaks is replaced; without a listener the process would end.
  pool.on('error', onError)
  // One that breaks under a transaction is told to whoever runs that; it would end the process all the same.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool as unknown as SqlPool
}

const featureNotSupported = '0A000'

/** pg's client, with every statement that has parameters prepared under a name. */
function preparingClient(statements: PreparedStatements): typeof pg.Client {
  class PreparingClient extends pg.Client {
    override query(query: unknown, values?: unknown, callback?: unknown): never {
      const parameters = Array.isArray(values) ? values : []
      const name = typeof query === 'string' && !callback ? statements.nameOf(query, parameters) : undefined
      if (!name) return super.query(query as never, values as never, callback as never) as never
      const answer = super.query({ name, text: query as string, values: parameters }) as Promise<unknown>
      return answer.catch((error: { code?: string }) => {
        // "cached plan must not change result type"
        if (error.code === featureNotSupported) statements.forget()
        throw error
      }) as never
    }
  }
  return PreparingClient
}
