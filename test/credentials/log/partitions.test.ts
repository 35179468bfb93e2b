import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { packLog } from '#credentials/log/pack-log.ts'
import { maintainPartitions } from '#credentials/log/partitions.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'

const november = new Date('2026-11-15T12:00:00Z')
/** Entries of the months ahead, too. */
const anyTime = { waitSeconds: -1e8, youngSeconds: -1e8 }
const options = { retentionDays: 365, at: november }

describe.each(availableDatabases())("the authentication log's partitions on %s", (kind) => {
  let database: OpenTestDatabase
  beforeEach(async () => {
    database = await openTestDatabase(kind)
  })
  afterEach(() => database.close())

  async function log(occurredAt: string): Promise<void> {
    const entry = {
      outcome: 'accepted',
      credentialKind: 'api_key',
      via: 'introspection',
      organizationId: 'org',
    } as const
    await database.db
      .insertInto('authenticationLog')
      .values({ ...entry, occurredAt: new Date(occurredAt) })
      .execute()
  }

  async function logged(): Promise<[partition: string, time: string][]> {
    await packLog(database.db, anyTime)
    const { rows } = await sql<{ partition: string; time: Date }>`
      select tableoid::regclass::text as partition, unnest(run_at) as time from authentication_log_segments order by 2`.execute(
      database.db,
    )
    return rows.map((row) => [row.partition, row.time.toISOString()])
  }

  test('are made for this month and the next two, once', async () => {
    const months = ['2026_11', '2026_12', '2027_01'].map((month) => `authentication_log_segments_${month}`)
    const created = [...months, ...months.map((name) => name.replace('segments', 'subjects'))]
    expect(await maintainPartitions(database.db, options)).toEqual({ created, dropped: [], deletedSegments: 0 })
    expect(await maintainPartitions(database.db, options)).toEqual({ created: [], dropped: [], deletedSegments: 0 })
    for (const time of ['2026-11-01T00:00:00.000Z', '2026-11-30T23:59:59.999Z', '2027-01-31T23:59:59.999Z']) {
      await log(time)
    }
    expect((await logged()).map(([partition]) => partition)).toEqual([months[0], months[0], months[2]])
  })

  test('leave a month whose entries are in the default partition there', async () => {
    await log('2026-12-24T00:00:00.000Z')
    await logged()
    const { created } = await maintainPartitions(database.db, options)
    expect(created).toEqual(
      ['segments', 'subjects'].flatMap((of) =>
        ['2026_11', '2027_01'].map((month) => `authentication_log_${of}_${month}`),
      ),
    )
    await log('2026-12-25T00:00:00.000Z')
    expect((await logged()).map(([partition]) => partition)).toEqual(
      Array(2).fill('authentication_log_segments_default'),
    )
  })

  test('go when they are wholly older than the retention; old entries of the default partition go one by one', async () => {
    await maintainPartitions(database.db, { ...options, at: new Date('2026-01-10T00:00:00Z') })
    for (const time of ['2025-10-01', '2026-01-31', '2026-02-01', '2026-05-05', '2026-10-01'])
      await log(`${time}T00:00Z`)
    await logged()
    const done = await maintainPartitions(database.db, { retentionDays: 270, at: november })
    expect(done.dropped).toEqual(['authentication_log_segments_2026_01', 'authentication_log_subjects_2026_01'])
    expect(done.deletedSegments).toBe(1)
    expect((await logged()).map(([, time]) => time.slice(0, 10))).toEqual(['2026-02-01', '2026-05-05', '2026-10-01'])
  })

  test('are made by one of several nodes that start at once, while entries are written and packed', async () => {
    const another = kind === 'postgres' ? await database.openAnotherNode() : database
    const writing = Array.from({ length: 50 }, (_, index) => log(`2026-11-15T12:00:${String(index).padStart(2, '0')}Z`))
    const packing = packLog(database.db, anyTime)
    const maintaining = [database, another, database, another].map(({ db }) => maintainPartitions(db, options))
    const created = (await Promise.all(maintaining)).flatMap((done) => done.created)
    await Promise.all([...writing, packing])
    expect(new Set(created).size).toBe(created.length)
    expect(await logged()).toHaveLength(50)
  })

  test.runIf(kind === 'postgres')('wait for another time while a long query reads the log', async () => {
    const reader = await database.openAnotherNode()
    await reader.db.transaction().execute(async (tx) => {
      await tx.selectFrom('authenticationLog').selectAll().execute()
      expect((await maintainPartitions(database.db, options)).created).toEqual([])
    })
    expect((await maintainPartitions(database.db, options)).created).toHaveLength(6)
  })
})
