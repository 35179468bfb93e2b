import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { openDatabase } from '#foundation/database/database.ts'
import { migrate } from '#foundation/database/migrate.ts'
import { asAdmin, databaseUrl, findOrStartPostgres } from './postgres-server.ts'
import { findOrStartRedis } from './redis-server.ts'
import { makeTemporaryDirectory, removeStaleDirectories } from './temporary-server.ts'

/** Where the databases of this run are; tests reach them through `databases.ts`. */
export interface TestStores {
  /** A database to connect to for creating others, and the migrated one to clone; undefined: no PostgreSQL here. */
  postgres: { adminUrl: string; runPrefix: string; template: string } | undefined
  /** undefined: no Redis here. */
  redisUrl: string | undefined
  /** A data directory with a migrated embedded database, to be copied. */
  embeddedTemplate: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    stores: TestStores
  }
}

const namePrefix = 'gatehouse_test_'
const oneHourInSeconds = 3600

/** Finds or starts the databases, migrates one of each kind as a template, and cleans up after the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgresServer = await findOrStartPostgres()
  const redisServer = await findOrStartRedis()
  const postgres = postgresServer && (await preparePostgres(postgresServer.url))
  const embeddedTemplate = await prepareEmbedded()
  if (!postgres)
    sayLoudly(
      'No PostgreSQL here: everything runs on the embedded database only, and tests of several nodes do not run.',
    )
  if (!redisServer) sayLoudly('No Redis here: tests of the Redis store do not run.')
  project.provide('stores', { postgres, redisUrl: redisServer?.url, embeddedTemplate })
  return async () => {
    if (postgres) await dropDatabases(postgres.adminUrl, (name) => name.startsWith(postgres.runPrefix))
    await postgresServer?.stop()
    await redisServer?.stop()
    rmSync(embeddedTemplate, { recursive: true, force: true })
  }
}

/** One template for each run: it can't be out of date, and all workers start after it is there. */
async function preparePostgres(adminUrl: string): Promise<NonNullable<TestStores['postgres']>> {
  const now = Math.floor(Date.now() / 1000)
  await dropDatabases(adminUrl, (name) => now - Number(name.slice(namePrefix.length).split('_')[0]) > oneHourInSeconds)
  const runPrefix = `${namePrefix}${now}_${randomBytes(4).toString('hex')}_`
  const template = `${runPrefix}template`
  await asAdmin(adminUrl, (client) => client.query(`create database ${template}`))
  await migrateAndClose({ databaseUrl: databaseUrl(adminUrl, template), dataDir: '' })
  return { adminUrl, runPrefix, template }
}

async function prepareEmbedded(): Promise<string> {
  await removeStaleDirectories('embedded', async () => {})
  const dataDir = makeTemporaryDirectory('embedded')
  await migrateAndClose({ databaseUrl: undefined, dataDir })
  rmSync(join(dataDir, 'lock'), { force: true })
  return dataDir
}

async function migrateAndClose(options: { databaseUrl: string | undefined; dataDir: string }): Promise<void> {
  const database = await openDatabase({ ...options, onError: () => {} })
  await migrate(database.db)
  await database.close()
}

async function dropDatabases(adminUrl: string, chosen: (name: string) => boolean): Promise<void> {
  await asAdmin(adminUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database where datname ^@ $1', [
      namePrefix,
    ])
    for (const name of rows.map((row) => row.datname).filter(chosen)) {
      await client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`)
    }
  })
}

function sayLoudly(text: string): void {
  console.warn(`\n${'*'.repeat(text.length + 4)}\n* ${text} *\n${'*'.repeat(text.length + 4)}\n`)
}
