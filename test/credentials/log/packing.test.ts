import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { lastUsesOfApiKeys } from '#credentials/log/last-uses.ts'
import { isWhole, type LogFilter } from '#credentials/log/log-filter.ts'
import { eachLogPage, listLogEntries } from '#credentials/log/log-queries.ts'
import type { LogRow } from '#credentials/log/log-row.ts'
import { packLog } from '#credentials/log/pack-log.ts'
import { recordDenial } from '#credentials/log/record-denial.ts'
import { activityByDay, usesByDay } from '#credentials/log/uses-by-day.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { positionOf } from '#foundation/database/log-walk.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'
import { type NewEntry, writeBatch, writeEntries } from '#support/log-entries.ts'

const dayMs = 86_400_000
/** A second ahead: the embedded database's clock has milliseconds, and what is written in that of the packing is meant too. */
const small = { waitSeconds: -1, youngSeconds: -1, enough: 1, most: 60 }
const everything: LogFilter = { subjects: [{ of: 'everything' }] }

/** Numbers that look random, the same each time. */
function* numbers(): Generator<number, never> {
  let n = 12_345
  for (;;) {
    n = (n * 1_103_515_245 + 12_345) % 2_147_483_648
    yield n / 2_147_483_648
  }
}

describe.each(availableDatabases())('the packed authentication log on %s', (kind) => {
  let database: OpenTestDatabase
  beforeEach(async () => {
    database = await openTestDatabase(kind)
  })
  afterEach(() => database.close())

  const read = async (filter: LogFilter) => {
    const rows: LogRow[] = []
    for await (const page of eachLogPage(database.db, filter)) rows.push(...page)
    return rows
  }
  const segments = async () =>
    (
      await sql<{ uses: number; reaches: boolean }>`
        select uses, first_at < lag(last_at) over (order by last_at, id) as reaches from authentication_log_segments`.execute(
        database.db,
      )
    ).rows

  test('reads like a plain list, whatever is packed and when: pages, periods, outcomes, counts, last uses', async () => {
    const random = numbers()
    const below = (most: number) => Math.floor(random.next().value * most)
    const written = new Map<string, Omit<NewEntry, 'outcome'> & { outcome: string }>()
    const someUse = (): NewEntry & { outcome: 'accepted' | 'refused' } => {
      const isKey = below(2) === 0
      const path = `/${written.size}`
      const entry = {
        userId: below(9) === 0 ? null : `usr_${below(12)}`,
        organizationId: below(8) === 0 ? null : `org_${below(3)}`,
        outcome: below(10) === 0 ? ('refused' as const) : ('accepted' as const),
        credentialKind: isKey ? 'api_key' : ['access_token', 'password'][below(2)]!,
        credentialId: isKey ? `key_${below(15)}` : below(2) === 0 ? null : `tok_${below(1000)}`,
        ip: below(5) === 0 ? null : `203.0.113.${below(9)}`,
        path,
      }
      written.set(path, entry)
      return entry
    }
    for (let step = 0; step < 40; step++) {
      const what = below(10)
      if (what < 5) await writeBatch(database.db, Array.from({ length: 1 + below(30) }, someUse))
      else if (what < 7) {
        const late = Array.from({ length: 1 + below(4) }, () => ({
          ...someUse(),
          occurredAt: new Date(Date.now() - below(3 * dayMs)),
        }))
        for (const entry of late) written.get(entry.path!)!.occurredAt = entry.occurredAt
        await writeEntries({ database }, late)
      } else if (what < 9) await packLog(database.db, { ...small, most: 20 + below(80) })
      else await denyOne(await read(everything), below)
    }
    const rows = await read(everything)
    expect(rows.map(({ path }) => path).toSorted()).toEqual([...written.keys()].toSorted())
    expect((await segments()).some(({ reaches }) => reaches)).toBe(false)
    expect((await segments()).length).toBeGreaterThan(3)
    for (const { path, userId, organizationId, credentialId, credentialKind, ip, outcome } of rows) {
      const known = written.get(path!)!
      expect({ userId, organizationId, credentialId, credentialKind, ip, outcome }).toEqual({
        userId: known.userId,
        organizationId: known.organizationId,
        credentialId: known.credentialId,
        credentialKind: known.credentialKind,
        ip: known.ip,
        outcome: known.outcome,
      })
    }
    await expectSameReading(rows)
    await packLog(database.db, small)
    await expectSameReading(rows)

    async function denyOne(rows: LogRow[], below: (most: number) => number) {
      const candidates = rows.filter(({ outcome, credentialId }) => outcome === 'accepted' && credentialId !== null)
      const row = candidates[below(candidates.length)]
      if (!row) return
      const { credentialId, via, ip, method, path } = row
      const use = { credentialId: credentialId!, via, ip: ip ?? undefined, userAgent: undefined }
      await recordDenial(database.db, { ...use, loggedAt: row.at, method: method!, path: path! }, 'permission_missing')
      written.get(path!)!.outcome = 'denied'
    }

    async function expectSameReading(rows: LogRow[]) {
      expect(await read(everything)).toEqual(rows)
      const inOrder = rows.toSorted((a, b) => (a.at === b.at ? b.id - a.id : a.at < b.at ? 1 : -1))
      expect(rows).toEqual(inOrder)
      const days = [...new Set(rows.map(({ at }) => at.slice(0, 10)))]
      const filters: LogFilter['subjects'][] = [
        [{ of: 'everything' }],
        [{ of: 'organization', organizationId: 'org_1' }],
        [
          { of: 'person', userId: 'usr_3', organizationId: 'org_0' },
          { of: 'person', userId: 'usr_3', organizationId: null },
        ],
        [{ of: 'api key', apiKeyId: 'key_7', organizationId: 'org_2' }],
        [{ of: 'api key', apiKeyId: 'key_7', organizationId: 'org_2', userId: 'usr_1' }],
        [{ of: 'person', userId: 'nobody', organizationId: 'org_0' }],
      ]
      for (const subjects of filters) {
        for (const outcome of [undefined, 'accepted', 'refused', 'denied'] as const) {
          for (const period of [
            {},
            { to: rows[40]!.at },
            { from: rows[rows.length - 30]!.at, to: rows[20]!.at },
            { from: days[0]! },
          ]) {
            const expected = rows.filter((row) => isMeant(row, { subjects, outcome, ...period }))
            const limit = 17
            let cursor: { at: string; id: string } | undefined
            for (let start = 0; start <= expected.length; start += limit) {
              const page = await listLogEntries(database.db, { subjects, outcome, ...period }, { limit, cursor })
              expect(page).toEqual(expected.slice(start, start + limit))
              if (page.length < limit) break
              cursor = positionOf(page.at(-1)!)
            }
          }
        }
      }
      const ids = Array.from({ length: 16 }, (_, n) => `key_${n}`)
      const uses = await usesByDay(database.db, { credentialIds: ids })
      const lastUses = await lastUsesOfApiKeys(database.db, ids)
      for (const id of ids) {
        const own = rows.filter(
          ({ credentialId, credentialKind }) => credentialKind === 'api_key' && credentialId === id,
        )
        for (const { day, accepted, refused } of uses.get(id)!) {
          const that = own.filter(({ at }) => at.startsWith(day))
          expect([accepted, refused]).toEqual([
            that.filter(({ outcome }) => outcome === 'accepted').length,
            that.filter(({ outcome }) => outcome !== 'accepted').length,
          ])
        }
        expect(lastUses.get(id)?.getTime()).toBe(
          own.find(({ outcome }) => outcome === 'accepted')?.occurredAt.getTime(),
        )
      }
      const activity = await activityByDay(database.db, [{ of: 'organization', organizationId: 'org_1' }])
      const total = activity.reduce((sum, { signIns, uses, failures }) => sum + signIns + uses + failures, 0)
      expect(total).toBe(rows.filter(({ organizationId }) => organizationId === 'org_1').length)
    }
  })

  test('keeps each use once, and each denial, while nodes log, pack and deny at once', async () => {
    const other = kind === 'postgres' ? await database.openAnotherNode() : database
    let isWriting = true
    const packing = [database, other, database].map(async ({ db }) => {
      while (isWriting) await packLog(db, small)
    })
    const denied: string[] = []
    const written: string[] = []
    await Promise.all(
      Array.from({ length: 6 }, async (_, writer) => {
        for (let batch = 0; batch < 8; batch++) {
          const paths = Array.from({ length: 5 }, (_, n) => `/${writer}/${batch}/${n}`)
          await writeBatch((writer % 2 ? other : database).db, paths.map(useOf))
          written.push(...paths)
          const those = paths.filter((_, n) => n % 2 === 0)
          denied.push(...those)
          await Promise.all(those.map((path, n) => deny((n % 2 ? other : database).db, path)))
        }
      }),
    )
    isWriting = false
    await Promise.all(packing)
    const expected = written.map((path) => [path, denied.includes(path) ? 'denied' : 'accepted']).toSorted()
    const outcomes = async () => (await read(everything)).map(({ path, outcome }) => [path, outcome]).toSorted()
    expect(await outcomes()).toEqual(expected)
    await packLog(database.db, small)
    expect(await outcomes()).toEqual(expected)
    const { rows } = await sql`select outcome, sum(uses)::int as uses from authentication_log_days
      where subject = 'key_1' and uses > 0 group by 1 order by 1`.execute(database.db)
    expect(rows).toEqual([
      { outcome: 'accepted', uses: 96 },
      { outcome: 'denied', uses: 144 },
    ])
    const refusals = { subjects: [{ of: 'api key', apiKeyId: 'key_1', organizationId: 'org_1' }] } as const
    expect(await read({ ...refusals, outcome: 'denied' })).toHaveLength(144)
  })

  test('denies as many of alike uses of one statement as were denied at once, packed or not', async () => {
    for (const isPacked of [false, true]) {
      const path = `/alike/${isPacked}`
      await writeBatch(
        database.db,
        Array.from({ length: 20 }, () => useOf(path)),
      )
      if (isPacked) await packLog(database.db, small)
      await Promise.all(Array.from({ length: 13 }, () => deny(database.db, path)))
      const rows = (await read(everything)).filter((row) => row.path === path)
      expect(rows.filter(({ outcome }) => outcome === 'denied')).toHaveLength(13)
      expect(rows).toHaveLength(20)
      expect(rows.every(({ outcome, reason }) => (outcome === 'denied') === (reason === 'permission_missing'))).toBe(
        true,
      )
    }
  })

  test('joins the small segments of a day that is over, and those of today when there is enough', async () => {
    const yesterday = Date.now() - dayMs
    for (let n = 0; n < 6; n++) {
      await writeEntries({ database }, [{ ...useOf(`/${n}`), occurredAt: new Date(yesterday + n) }])
      await packLog(database.db, { ...small, enough: 100, most: 16_384 })
      expect(await segments()).toHaveLength(1)
    }
    for (let n = 0; n < 3; n++) {
      await writeBatch(
        database.db,
        Array.from({ length: 10 }, (_, place) => useOf(`/today/${n}/${place}`)),
      )
      await packLog(database.db, { ...small, enough: 25, most: 16_384 })
      expect(await segments()).toHaveLength([2, 3, 2][n]!)
    }
    expect((await read(everything)).length).toBe(36)
  })

  async function deny(db: Queryable, path: string) {
    const { rows } = await sql<{ at: string }>`
      select occurred_at::text as at from authentication_log where path = ${path} limit 1`.execute(db)
    const use = { credentialId: 'key_1', via: 'bearer', ip: '203.0.113.9', userAgent: undefined, method: 'GET', path }
    await recordDenial(db, { ...use, loggedAt: rows[0]!.at }, 'permission_missing')
  }
})

function useOf(path: string) {
  return { userId: 'usr_1', organizationId: 'org_1', credentialKind: 'api_key', credentialId: 'key_1', path }
}

function isMeant(row: LogRow, { subjects, outcome, from, to }: LogFilter): boolean {
  return (
    subjects.some((subject) => {
      if (isWhole(subject)) return subject.of === 'everything'
      if (row.organizationId !== subject.organizationId) return false
      if (subject.of === 'organization') return true
      if (subject.userId !== undefined && row.userId !== subject.userId) return false
      return subject.of === 'person' || (row.credentialKind === 'api_key' && row.credentialId === subject.apiKeyId)
    }) &&
    (outcome === undefined || row.outcome === outcome) &&
    (from === undefined || row.at >= from) &&
    (to === undefined || row.at < to)
  )
}
