import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { freePort } from './free-port.ts'
import {
  findProgram,
  makeTemporaryDirectory,
  type Owner,
  removeStaleDirectories,
  run,
  startProgram,
  stopProgram,
  type TemporaryServer,
} from './temporary-server.ts'

/**
 * The PostgreSQL on 127.0.0.1:5432 where it lets us in without a password as somebody who may create databases, else a
 * throw-away cluster made with the installed programs, else undefined.
 */
export async function findOrStartPostgres(): Promise<TemporaryServer | undefined> {
  return (await findRunning()) ?? (await startCluster())
}

/** Runs `work` on a connection of its own to `url`. */
export async function asAdmin<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** The URL of another database on the same server. */
export function databaseUrl(adminUrl: string, name: string): string {
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  return url.href
}

async function findRunning(): Promise<TemporaryServer | undefined> {
  for (const user of new Set(['postgres', userInfo().username])) {
    const url = `postgres://${encodeURIComponent(user)}@127.0.0.1:5432/postgres`
    if (await mayCreateDatabases(url).catch(() => false)) return { url, stop: async () => {} }
  }
  return undefined
}

async function mayCreateDatabases(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  try {
    await client.connect()
    const { rows } = await client.query(
      `select rolcreatedb or rolsuper as allowed, current_setting('server_version_num')::int >= 150000 as recent
       from pg_roles where rolname = current_user`,
    )
    return rows[0]?.allowed && rows[0]?.recent
  } finally {
    await client.end()
  }
}

async function startCluster(): Promise<TemporaryServer | undefined> {
  const postgres = findProgram('postgres', debianDirectories())
  const initdb = findProgram('initdb', debianDirectories())
  if (!postgres || !initdb) return undefined
  await removeStaleDirectories('postgres', stopCluster)
  const directory = makeTemporaryDirectory('postgres')
  const owner = unprivilegedOwner()
  if (owner) chownSync(directory, owner.uid, owner.gid)
  const data = join(directory, 'data')
  await run(initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'], owner)
  const port = await freePort()
  const settings = ['fsync=off', 'full_page_writes=off', 'listen_addresses=127.0.0.1', 'unix_socket_directories=']
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const child = await startProgram(
    postgres,
    ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    { owner, ready: async () => void (await mayCreateDatabases(url)) },
  )
  return {
    url,
    async stop() {
      await stopProgram(child, 'SIGINT')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Debian keeps the server's programs out of PATH; newest first. */
function debianDirectories(): string[] {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return []
  return readdirSync(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'))
}

/** PostgreSQL refuses to run as root: the packages' own user, or nobody, runs it instead. */
function unprivilegedOwner(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const user of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, user], { stdio: ['ignore', 'pipe', 'ignore'] }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // There is no such user: the next one.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody')
}

async function stopCluster(directory: string): Promise<void> {
  const ctl = findProgram('pg_ctl', debianDirectories())
  if (ctl) await run(ctl, ['stop', '-D', join(directory, 'data'), '-m', 'immediate'], unprivilegedOwner())
}
