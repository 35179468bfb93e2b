import { describe, expect, test } from 'vitest'
import { availableDatabases, openTestDatabase } from './databases.ts'

describe.each(availableDatabases())('a test database on %s', (kind) => {
  test('is migrated and nobody else writes to it', async () => {
    const [one, other] = await Promise.all([openTestDatabase(kind), openTestDatabase(kind)])
    await one.db.insertInto('permissions').values({ name: 'only:here' }).execute()
    expect(await one.db.selectFrom('permissions').select('name').execute()).toEqual([{ name: 'only:here' }])
    expect(await other.db.selectFrom('permissions').select('name').execute()).toEqual([])
    await Promise.all([one.close(), other.close()])
  })
})
