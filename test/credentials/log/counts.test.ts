import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { packLog } from '#credentials/log/pack-log.ts'
import { maintainPartitions } from '#credentials/log/partitions.ts'
import { activityByDay, usesByDay } from '#credentials/log/uses-by-day.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'
import { type NewEntry, writeEntries } from '#support/log-entries.ts'

const dayMs = 86_400_000
const use = { userId: 'usr_a', organizationId: 'org_a', credentialKind: 'api_key', credentialId: 'key_a' } as const
const now = { waitSeconds: -1, youngSeconds: -1 }

describe.each(availableDatabases())('the counts of the authentication log on %s', (kind) => {
  let database: OpenTestDatabase
  beforeEach(async () => {
    database = await openTestDatabase(kind)
  })
  afterEach(() => database.close())

  /** Of uses of all kinds. */
  function someUses(count: number): NewEntry[] {
    return Array.from({ length: count }, (_, n) => ({
      userId: `usr_${n % 3}`,
      organizationId: n % 7 === 0 ? null : `org_${n % 2}`,
      outcome: n % 5 === 0 ? 'refused' : 'accepted',
      credentialKind: ['api_key', 'access_token', 'password'][n % 3]!,
      credentialId: n % 3 === 2 ? null : `key_${n % 4}`,
      occurredAt: new Date(Date.now() - (n * 1.9 * dayMs) / count),
    }))
  }

  /** What a plain count of everything says, in the words of `authentication_log_days`. */
  async function plainCount(db: Queryable) {
    const { rows } =
      await sql`select subject, (occurred_at at time zone 'UTC')::date::text as day, credential_kind as kind,
        outcome, count(*)::bigint as uses from authentication_log,
      lateral (values (organization_id), (user_id || coalesce(organization_id, '')),
        (case when credential_kind = 'api_key' then credential_id end)) as s (subject)
      where subject is not null group by 1, 2, 3, 4 order by 1, 2, 3, 4`.execute(db)
    return rows
  }

  async function counted(db: Queryable) {
    const { rows } = await sql`select subject, day::text as day, kind, outcome, uses from authentication_log_days
      order by 1, 2, 3, 4`.execute(db)
    return rows
  }

  test('equal a plain count, counted by several nodes at once, again and again, while uses go on', async () => {
    const other = kind === 'postgres' ? await database.openAnotherNode() : database
    for (let round = 0; round < 2; round++) {
      await Promise.all([
        writeEntries({ database: database as never }, someUses(400)),
        packLog(database.db, now),
        packLog(other.db, now),
        packLog(database.db, now),
      ])
      await Promise.all([database, other, database, other].map(({ db }) => packLog(db, now)))
      await packLog(database.db, now)
      expect(await counted(database.db)).toEqual(await plainCount(database.db))
      await Promise.all([database, other].map(({ db }) => packLog(db, now)))
      expect(await counted(database.db)).toEqual(await plainCount(database.db))
    }
  })

  test('count what is written while they are counted exactly once', async () => {
    const other = kind === 'postgres' ? await database.openAnotherNode() : database
    let writing = true
    const counting = Promise.all(
      [database, other].map(async ({ db }) => {
        while (writing) await packLog(db, now)
      }),
    )
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let n = 0; n < 25; n++) await writeEntries({ database: database as never }, [use, use])
      }),
    )
    writing = false
    await counting
    await packLog(database.db, now)
    expect(await counted(database.db)).toMatchObject([{ uses: 400 }, { uses: 400 }, { uses: 400 }])
    expect(await counted(database.db)).toEqual(await plainCount(database.db))
  })

  test.runIf(kind === 'postgres')('wait for an entry whose transaction goes on for long', async () => {
    const slow = await database.openAnotherNode()
    await slow.db.transaction().execute(async (tx) => {
      await writeEntries({ database: { db: tx } as never }, [use])
      await packLog(database.db, now)
      await writeEntries({ database: database as never }, [use])
      await packLog(database.db, now)
    })
    await packLog(database.db, now)
    expect(await counted(database.db)).toEqual(await plainCount(database.db))
    expect(await counted(database.db)).toMatchObject([{ uses: 2 }, { uses: 2 }, { uses: 2 }])
  })

  test.runIf(kind === 'postgres')('lose nothing and count nothing twice when a node dies in between', async () => {
    await writeEntries({ database: database as never }, someUses(300))
    const dying = await database.openAnotherNode()
    await database.db.transaction().execute(async (tx) => {
      await sql`lock table authentication_log_days in exclusive mode`.execute(tx)
      const death = packLog(dying.db, now).then(
        () => 'survived',
        () => 'died',
      )
      const waiting = sql<{
        pid: number
      }>`select pid from pg_locks where not granted and relation = 'authentication_log_days'::regclass`
      let victim: number | undefined
      while (!victim) victim = (await waiting.execute(database.db)).rows[0]?.pid
      await sql`select pg_terminate_backend(${victim})`.execute(database.db)
      expect(await death).toBe('died')
    })
    expect(await counted(database.db)).toEqual([])
    await packLog(database.db, now)
    expect(await counted(database.db)).toEqual(await plainCount(database.db))
  })

  test('are read together with what was used since, day by day', async () => {
    const ago = (days: number) => new Date(Date.now() - days * dayMs)
    const day = (days: number) => ago(days).toISOString().slice(0, 10)
    await writeEntries({ database: database as never }, [
      { ...use, occurredAt: ago(35) },
      { ...use, occurredAt: ago(29) },
      { ...use, occurredAt: ago(1) },
      { ...use, occurredAt: ago(1), outcome: 'refused' },
      { ...use, organizationId: 'org_b', credentialId: 'key_b', occurredAt: ago(1) },
    ])
    const read = async () => {
      const uses = await usesByDay(database.db, { credentialIds: ['key_a', 'key_never'] })
      const own = { of: 'person', userId: 'usr_a' } as const
      const activity = await activityByDay(database.db, [
        { ...own, organizationId: 'org_a' },
        { ...own, organizationId: null },
      ])
      return { uses, activity }
    }
    for (const counting of [false, true]) {
      if (counting) await packLog(database.db)
      const { uses, activity } = await read()
      expect([...uses.keys()]).toEqual(['key_a', 'key_never'])
      const days = uses.get('key_a')!
      expect(days).toHaveLength(30)
      expect(days[0]).toEqual({ day: day(29), accepted: 1, refused: 0 })
      expect(days[28]).toEqual({ day: day(1), accepted: 1, refused: 1 })
      expect(days[29]).toEqual({ day: day(0), accepted: 0, refused: 0 })
      expect(uses.get('key_never')!.every(({ accepted, refused }) => accepted + refused === 0)).toBe(true)
      expect(activity[28]).toEqual({ day: day(1), signIns: 0, uses: 1, failures: 1 })
    }
    // What is not packed yet is there all the same.
    await writeEntries({ database: database as never }, [
      use,
      { ...use, credentialKind: 'password', credentialId: null },
    ])
    await packLog(database.db)
    const { uses, activity } = await read()
    expect(uses.get('key_a')![29]).toMatchObject({ accepted: 1 })
    expect(activity[29]).toMatchObject({ signIns: 1, uses: 1 })
    expect(await usesByDay(database.db, { credentialIds: [] })).toEqual(new Map())
  })

  test('go with the retention', async () => {
    const entry = (days: number) => ({ ...use, occurredAt: new Date(Date.now() - days * dayMs) })
    await writeEntries({ database: database as never }, [entry(11), entry(1)])
    await packLog(database.db)
    expect(await counted(database.db)).toHaveLength(6)
    await maintainPartitions(database.db, { retentionDays: 5 })
    expect(await counted(database.db)).toHaveLength(3)
    expect(await counted(database.db)).toEqual(await plainCount(database.db))
  })
})
