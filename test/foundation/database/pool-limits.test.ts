import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPostgresPool } from '#foundation/database/postgres-pool.ts'
import type { SqlPool } from '#foundation/database/sql-pool.ts'
import { StoreAwayError } from '#foundation/errors.ts'
import { createTestDatabase, postgresAvailable, type TestDatabase } from '#support/databases.ts'

describe.runIf(postgresAvailable())('the pool of connections', () => {
  let database: TestDatabase
  let pool: SqlPool
  beforeAll(async () => {
    database = await createTestDatabase('postgres')
    pool = openPostgresPool({ databaseUrl: database.databaseUrl!, onError: () => {}, max: 1, limitMs: 4_000 })
  })
  afterAll(async () => {
    await pool.end()
    await database.drop()
  })

  const sleepFor = (seconds: number) => pool.query({ text: `select pg_sleep(${seconds})` })

  test('takes the wait for a connection off the limit of its first statement, and of no other', async () => {
    const [first, second] = await Promise.allSettled([sleepFor(2.5), sleepFor(2.5)])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ status: 'rejected', reason: expect.any(StoreAwayError) })
    expect((await sleepFor(2.5)).rows).toHaveLength(1)
  })
})
