import { randomBytes } from 'node:crypto'
import { cpSync, rmSync } from 'node:fs'
import { Redis } from 'ioredis'
import { inject } from 'vitest'
import { type Database, openDatabase } from '#foundation/database/database.ts'
import { asAdmin, databaseUrl } from './postgres-server.ts'
import { makeTemporaryDirectory } from './temporary-server.ts'

/** PostgreSQL, or the embedded database. */
export type DatabaseKind = 'postgres' | 'embedded'

/** A migrated database that nobody else uses. `databaseUrl` and `dataDir` are what a server's configuration takes. */
export interface TestDatabase {
  readonly kind: DatabaseKind
  /** undefined: it is the embedded one in `dataDir`. */
  readonly databaseUrl: string | undefined
  /** An existing empty directory, or the one that holds the embedded database. */
  readonly dataDir: string
  /** Call it when nothing is connected any more. */
  drop(): Promise<void>
}

export interface OpenTestDatabase extends TestDatabase, Database {
  /** Another connection pool to the same database, as a second node has one. PostgreSQL only. */
  openAnotherNode(): Promise<Database>
  /** Closes what was opened, and drops the database. */
  close(): Promise<void>
}

/** A part of Redis that nobody else uses: every key has its own prefix. */
export interface TestRedis {
  /** For `REDIS_URL`. */
  readonly redisUrl: string
  readonly keyPrefix: string
  /** Deletes every key made here. */
  drop(): Promise<void>
}

/** The kinds that this machine has, for `describe.each`. */
export function availableDatabases(): DatabaseKind[] {
  return inject('stores').postgres ? ['postgres', 'embedded'] : ['embedded']
}

/** For `describe.runIf(...)`: several nodes need PostgreSQL. */
export function postgresAvailable(): boolean {
  return inject('stores').postgres !== undefined
}

/** For `describe.runIf(...)`. */
export function redisAvailable(): boolean {
  return inject('stores').redisUrl !== undefined
}

/** A migrated database for a server that the test starts. Without a kind: PostgreSQL where there is one. */
export async function createTestDatabase(
  kind: DatabaseKind = postgresAvailable() ? 'postgres' : 'embedded',
): Promise<TestDatabase> {
  return kind === 'postgres' ? cloneTemplate() : copyEmbedded()
}

/** A migrated database for the test's own queries. Without a kind: PostgreSQL where there is one. */
export async function openTestDatabase(kind?: DatabaseKind): Promise<OpenTestDatabase> {
  const created = await createTestDatabase(kind)
  let closing = false
  // Dropping the database ends a connection that is still saying goodbye.
  const onError = (error: Error) => closing || console.error(error)
  const open = () => openDatabase({ ...created, onError })
  const opened = [await open()]
  return {
    ...created,
    ...opened[0]!,
    async openAnotherNode() {
      if (created.kind === 'embedded') throw new Error('only one process may hold an embedded database')
      const another = await open()
      opened.push(another)
      return another
    },
    async close() {
      closing = true
      await Promise.all(opened.map((database) => database.close()))
      await created.drop()
    },
  }
}

/** @throws where there is no Redis: ask `redisAvailable()` first */
export function openTestRedis(): TestRedis {
  const server = inject('stores').redisUrl
  if (!server) throw new Error('no Redis on this machine')
  const keyPrefix = `gatehouse-test-${randomBytes(6).toString('hex')}:`
  return {
    redisUrl: `${server}/0?key_prefix=${encodeURIComponent(keyPrefix)}`,
    keyPrefix,
    async drop() {
      const redis = new Redis(server)
      for await (const keys of redis.scanStream({ match: `${keyPrefix}*`, count: 1_000 })) {
        if (keys.length > 0) await redis.del(keys)
      }
      redis.disconnect()
    },
  }
}

async function cloneTemplate(): Promise<TestDatabase> {
  const { postgres } = inject('stores')
  if (!postgres) throw new Error('no PostgreSQL on this machine')
  const { adminUrl, runPrefix, template } = postgres
  const name = `${runPrefix}${randomBytes(4).toString('hex')}`
  await asAdmin(adminUrl, async (client) => {
    await client.query(`create database ${name} template ${template}`)
    // The suite kills our processes, never PostgreSQL itself, for which alone a commit would have to wait for the disk.
    await client.query(`alter database ${name} set synchronous_commit = off`)
  })
  const dataDir = makeTemporaryDirectory('data')
  return {
    kind: 'postgres',
    databaseUrl: databaseUrl(adminUrl, name),
    dataDir,
    async drop() {
      rmSync(dataDir, { recursive: true, force: true })
      await asAdmin(adminUrl, (client) => client.query(`drop database if exists ${name} with (force)`))
    },
  }
}

function copyEmbedded(): TestDatabase {
  const dataDir = makeTemporaryDirectory('embedded')
  cpSync(inject('stores').embeddedTemplate, dataDir, { recursive: true })
  return {
    kind: 'embedded',
    databaseUrl: undefined,
    dataDir,
    drop: async () => rmSync(dataDir, { recursive: true, force: true }),
  }
}
