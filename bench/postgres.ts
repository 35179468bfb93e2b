import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { options } from './options.ts'
import { afterwards, cpuOf } from './processes.ts'

/**
 * What PostgreSQL has spent so far. Counted as ours are the processes that serve our database's connections, and of those
 * that serve every database (the writers of WAL and pages, the checkpointer) the share of all commits that were ours.
 */
export interface PostgresCost {
  /** Microseconds of each process that serves our database. */
  backends: Map<number, number>
  /** Microseconds of all that serve every database. */
  background: number
  commits: number
  allCommits: number
  /** Bytes of WAL, of every database: nothing else may write meanwhile. */
  wal: number
}

export interface BenchDatabase {
  url: string
  cost(): Promise<PostgresCost>
  query<Row>(sql: string): Promise<Row[]>
  /** So that none begins while something is measured, and no page is written whole for the second time. */
  checkpoint(): Promise<void>
}

let admin: Promise<pg.Client | undefined> | undefined

/** A database of our own on the server that --postgres names; undefined where none answers. */
export async function createDatabase(): Promise<BenchDatabase | undefined> {
  admin ??= connectAdmin()
  const client = await admin
  if (!client) return undefined
  const name = `gatehouse_bench_${randomBytes(4).toString('hex')}`
  await client.query(`create database ${name}`)
  afterwards(() => client.query(`drop database ${name} with (force)`))
  const url = new URL(options.postgres)
  url.pathname = `/${name}`
  return {
    url: url.href,
    cost: () => costOf(client, name),
    async query(sql) {
      const own = new pg.Client({ connectionString: url.href })
      await own.connect()
      try {
        return (await own.query(sql)).rows
      } finally {
        await own.end()
      }
    },
    async checkpoint() {
      await client.query('checkpoint').catch(() => undefined)
    },
  }
}

async function connectAdmin(): Promise<pg.Client | undefined> {
  const client = new pg.Client({ connectionString: options.postgres })
  try {
    await client.connect()
    afterwards(() => client.end())
    return client
  } catch (error) {
    console.error(`PostgreSQL is left out: ${(error as Error).message}`)
    return undefined
  }
}

async function costOf(client: pg.Client, database: string): Promise<PostgresCost> {
  const { rows: processes } = await client.query<{ pid: number; ours: boolean; shared: boolean }>({
    text: `select pid, datname is not distinct from $1 as ours, datid is null as shared from pg_stat_activity
      where datname = $1 or backend_type in ('walwriter', 'background writer', 'checkpointer')`,
    values: [database],
  })
  const { rows } = await client.query({
    text: `select pg_current_wal_lsn() - '0/0' as wal,
      sum(xact_commit) filter (where datname = $1) as ours, sum(xact_commit) as all from pg_stat_database`,
    values: [database],
  })
  const [{ wal, ours, all }] = rows as [{ wal: string; ours: string; all: string }]
  const costs = processes.map(({ pid, shared }) => ({ pid, shared, cpu: cpuOf(pid) ?? 0 }))
  return {
    backends: new Map(costs.filter(({ shared }) => !shared).map(({ pid, cpu }) => [pid, cpu])),
    background: costs.filter(({ shared }) => shared).reduce((sum, { cpu }) => sum + cpu, 0),
    commits: Number(ours),
    allCommits: Number(all),
    wal: Number(wal),
  }
}

/** Microseconds of CPU and bytes of WAL between two moments. */
export function costBetween(before: PostgresCost, after: PostgresCost): { cpu: number; wal: number } {
  const backends = [...after.backends].reduce((sum, [pid, cpu]) => sum + cpu - (before.backends.get(pid) ?? 0), 0)
  const commits = after.commits - before.commits
  // A database that is dropped meanwhile takes its count along.
  const share = commits / Math.max(1, commits, after.allCommits - before.allCommits)
  return { cpu: backends + share * (after.background - before.background), wal: after.wal - before.wal }
}
