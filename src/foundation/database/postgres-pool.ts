import pg from 'pg'
import { StoreAwayError } from '#foundation/errors.ts'
import { PreparedStatements } from './prepared-statements.ts'
import type { SqlPool } from './sql-pool.ts'

/** How much of a limit waiting for a connection may take; the first statement has at least the rest. */
const shareForConnecting = 0.8
/** Longest wait for a connection and its first statement, also where statements may take minutes. */
const longestWaitMs = 5_000
/** Longest that `end` waits for a PostgreSQL that does not take its leave. */
const farewellMs = 1_000

export interface PostgresPoolOptions {
  databaseUrl: string
  /** Told of what concerns no statement, and of every outage. */
  onError: (error: Error) => void
  /** Connections. */
  max: number
  /**
   * Longest that a statement may take, waiting for a connection to run it on included. PostgreSQL ends it a little
   * earlier; a silent one loses the connection.
   */
  limitMs: number
  /** `set` statements for each connection. */
  settings?: readonly string[]
}

/**
 * pg's pool with limits: without them a PostgreSQL that is silent (a network that drops packets) would hold every request
 * for as long as TCP hopes. A broken connection is replaced by the next that is needed, so it recovers by itself.
 * What is asked of it throws StoreAwayError where no answer can be had.
 */
export function openPostgresPool({ databaseUrl, onError, max, limitMs, settings = [] }: PostgresPoolOptions): SqlPool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max,
    connectionTimeoutMillis: Math.min(limitMs, longestWaitMs) * shareForConnecting,
    application_name: 'gatehouse',
    Client: clientWith({ statements: new PreparedStatements(), limitMs }),
    onConnect: (client: pg.ClientBase) =>
      client.query([`set statement_timeout = ${Math.floor(limitMs * 0.9)}`, ...settings].join('; ')),
  })
  // An idle connection that breaks is replaced; without a listener the process would end.
  pool.on('error', onError)
  // One that breaks under a transaction is told to the code that runs that; it would end the process all the same.
  pool.on('connect', (client) => client.on('error', () => undefined))

  async function connect() {
    const begun = performance.now()
    try {
      const client = (await pool.connect()) as pg.PoolClient & { hasWaited(ms: number): void }
      client.hasWaited(performance.now() - begun)
      return client
    } catch (error) {
      onError(error as Error)
      throw new StoreAwayError(error as Error)
    }
  }
  return {
    connect,
    async query(query: pg.QueryConfig) {
      const client = await connect()
      try {
        return await client.query(query)
      } finally {
        client.release()
      }
    },
    end: () => Promise.race([pool.end(), new Promise<void>((resolve) => setTimeout(resolve, farewellMs).unref())]),
  } as unknown as SqlPool
}

const featureNotSupported = '0A000'

/** PostgreSQL is ending or starting, has no connection left, or has ended a statement that took too long. */
const refusals = new Set(['57P01', '57P02', '57P03', '53300', '57014'])

/** pg's client, with every statement that has parameters prepared under a name, and none that takes longer than allowed. */
function clientWith({ statements, limitMs }: { statements: PreparedStatements; limitMs: number }): typeof pg.Client {
  class LimitedClient extends pg.Client {
    #broken = false
    #nextLimitMs = limitMs

    /** What the wait for this connection has taken is taken off its next statement's limit: a request waits once. */
    hasWaited(ms: number): void {
      this.#nextLimitMs = Math.max(limitMs - ms, limitMs * (1 - shareForConnecting))
    }

    constructor(config: pg.ClientConfig) {
      super(config)
      this.on('error', () => {
        this.#broken = true
      })
      this.on('end', () => {
        this.#broken = true
      })
    }

    override query(query: unknown, values?: unknown, callback?: unknown): never {
      const parameters = Array.isArray(values) ? values : []
      const name = typeof query === 'string' && !callback ? statements.nameOf(query, parameters) : undefined
      const named = name ? [{ name, text: query, values: parameters }] : [query, values, callback]
      const answer = super.query(...(named as [never, never, never])) as unknown
      return (answer instanceof Promise ? this.#limited(answer) : answer) as never
    }

    async #limited<T>(answer: Promise<T>): Promise<T> {
      const timer = setTimeout(() => this.#giveUp(), this.#nextLimitMs)
      this.#nextLimitMs = limitMs
      try {
        return await answer
      } catch (error) {
        const { code } = error as { code?: string }
        // "cached plan must not change result type"
        if (code === featureNotSupported) statements.forget()
        if (this.#broken || refusals.has(code ?? '')) throw new StoreAwayError(error as Error)
        throw error
      } finally {
        clearTimeout(timer)
      }
    }

    /** Everything under way on this connection fails, and the pool lets it go. */
    #giveUp(): void {
      const { stream } = (
        this as unknown as { connection: { stream: NodeJS.ReadableStream & { destroy(e: Error): void } } }
      ).connection
      stream.destroy(new Error(`PostgreSQL did not answer within ${limitMs / 1000} s`))
    }
  }
  return LimitedClient
}
