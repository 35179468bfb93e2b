import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { openPglitePool } from './pglite-pool.ts'
import { openPostgresPool } from './postgres-pool.ts'
import type { Tables } from './schema.ts'
import type { SqlPool } from './sql-pool.ts'

const int8 = 20
pg.types.setTypeParser(int8, Number)

const requestLimitMs = 5_000
const backgroundLimitMs = 600_000

/** What a query runs on, a pool or a transaction: it takes either, as `db` (or as `tx`, where it must be a transaction). */
export type Queryable = Kysely<Tables>

/** An opened database, of either kind: `database` wherever one is handed on whole. */
export interface Database {
  /** For every query of a request: one that the database does not answer within 5 s fails. */
  readonly db: Queryable
  /** For what may take its time: migrations, the setup file, jobs. */
  readonly background: Queryable
  /** For statements written by hand. */
  readonly pool: SqlPool
  /** For the hot path: a few connections that only ever look rows up by an index. */
  readonly lookups: SqlPool
  readonly embedded: boolean
  close(): Promise<void>
}

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
  if (!databaseUrl) return databaseOf([await openPglitePool(dataDir, lookupSettings)])
  const open = (options: { max: number; limitMs: number; settings?: readonly string[] }) =>
    openPostgresPool({ databaseUrl, onError, ...options })
  return databaseOf([
    open({ max: 12, limitMs: requestLimitMs }),
    open({ max: 4, limitMs: requestLimitMs, settings: lookupSettings }),
    open({ max: 2, limitMs: backgroundLimitMs }),
  ])
}

/** Of one pool for everything, or of one for requests, for look-ups and for the background. */
function databaseOf(pools: [SqlPool] | [SqlPool, SqlPool, SqlPool]): Database {
  const [pool, lookups = pool, background] = pools
  const db = kyselyOn(pool)
  return {
    db,
    background: background ? kyselyOn(background) : db,
    pool,
    lookups,
    embedded: pools.length === 1,
    async close() {
      await Promise.all(pools.map((one) => one.end()))
    },
  }
}

function kyselyOn(pool: SqlPool): Queryable {
  return new Kysely<Tables>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  })
}

/**
 * Runs `work` in a transaction: in the caller's where `db` is one already, so that use cases join each other and what a
 * route commits beside them; else in one of its own. What throws rolls all of it back.
 */
export function inTransaction<T>(db: Queryable, work: (tx: Queryable) => Promise<T>): Promise<T> {
  return db.isTransaction ? work(db) : db.transaction().execute(work)
}

/** Several reads as of one moment, whatever is written meanwhile. In a transaction that is open they are its own reads. */
export function inSnapshot<T>(db: Queryable, read: (tx: Queryable) => Promise<T>): Promise<T> {
  if (db.isTransaction) return read(db)
  return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(read)
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
  'set enable_memoize = off',
  'set plan_cache_mode = force_generic_plan',
]
