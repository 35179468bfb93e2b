import { CamelCasePlugin, Kysely, PostgresDialect, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lastUseOfApiKey } from '#credentials/log/last-uses.ts'
import type { LogFilter } from '#credentials/log/log-filter.ts'
import { listLogEntries } from '#credentials/log/log-queries.ts'
import { packLog } from '#credentials/log/pack-log.ts'
import { maintainPartitions } from '#credentials/log/partitions.ts'
import { activityByDay, usesByDay } from '#credentials/log/uses-by-day.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { positionOf } from '#foundation/database/log-walk.ts'
import type { Tables } from '#foundation/database/schema.ts'
import { type OpenTestDatabase, openTestDatabase, postgresAvailable } from '#support/databases.ts'

const entries = 1_000_000
const months = 14
const limit = 51
const busy = { organizationId: 'org_1', userId: 'usr_1', apiKeyId: 'key_1' }

interface Statement {
  text: string
  values: unknown[]
}

/** What PostgreSQL did for a statement, node by node. */
interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: PlanNode[]
}

describe.runIf(postgresAvailable())('among a million entries of thirteen months', () => {
  let database: OpenTestDatabase
  let recorded: Statement[]
  let recording: Queryable

  beforeAll(async () => {
    database = await openTestDatabase('postgres')
    ;({ recording, recorded } = recordingDatabase(database))
    await fill(database.background)
    await packLog(database.background, { waitSeconds: -1, youngSeconds: -1 })
  }, 240_000)
  afterAll(() => database.close())

  const middle = daysAgo(200)
  const organization = { of: 'organization', organizationId: busy.organizationId } as const
  const person = { of: 'person', userId: busy.userId, organizationId: busy.organizationId } as const
  const own = [person, { ...person, organizationId: null }]
  const key = { of: 'api key', apiKeyId: busy.apiKeyId, organizationId: busy.organizationId } as const
  const filters: [name: string, filter: LogFilter][] = [
    ['an organization', { subjects: [organization] }],
    ['a person', { subjects: own }],
    ['a person who works elsewhere mostly', { subjects: [{ ...person, organizationId: 'org_2' }] }],
    ['a key', { subjects: [key] }],
    ['a key and whose it is', { subjects: [{ ...key, userId: busy.userId }] }],
    ['nobody', { subjects: [{ ...person, userId: 'usr_0' }] }],
  ]
  const ranges: [name: string, range: Partial<LogFilter>][] = [
    ['all', {}],
    ['rare refusals', { outcome: 'refused' }],
    ['a range in the middle', { from: daysAgo(214), to: middle }],
    ['rare refusals of a range', { outcome: 'refused', from: daysAgo(300), to: middle }],
  ]
  const cases = filters.flatMap(([whose, filter]) =>
    ranges.map(([which, range]) => [`${whose}, ${which}`, { ...filter, ...range }] as const),
  )

  /** @param most rows of a statement's: segments, places of subjects in them, days */
  async function expectToWalk(read: () => Promise<unknown>, most: number): Promise<void> {
    recorded.length = 0
    await read()
    const settings: string[] = []
    let walked = 0
    for (const statement of recorded) {
      if (/set_config/.test(statement.text)) settings.push(statement.text)
      if (!/from authentication_log/.test(statement.text)) continue
      walked++
      const nodes = nodesOf(await explain(database.db, settings, statement))
      const scans = nodes.filter(
        (node) =>
          /Scan/.test(node['Node Type']) &&
          /^authentication_log_(segments|subjects|days|batches)/.test(node['Relation Name'] ?? ''),
      )
      const touched = scans.reduce((sum, node) => sum + rowsTouched(node), 0)
      // What is not packed may be read whole: that is little.
      const large = scans.filter((node) => node['Relation Name'] !== 'authentication_log_batches')
      expect(large.filter((node) => !/^(Index|Bitmap Heap) /.test(node['Node Type']))).toEqual([])
      expect(touched).toBeLessThanOrEqual(most)
    }
    expect(walked).toBeGreaterThan(0)
  }

  for (const analyzed of [false, true]) {
    describe(analyzed ? 'with statistics' : 'before there are statistics', () => {
      beforeAll(async () => {
        for (const table of analyzed ? ['segments', 'subjects', 'batches', 'holders', 'ways', 'days'] : []) {
          await sql`analyze ${sql.table(`authentication_log_${table}`)}`.execute(database.background)
        }
      }, 60_000)

      // For each subject and outcome a walk over sixteen segments at a time, and one more of every month to compare with.
      test.each(cases)('a page of %s', async (_, filter) => {
        const mostRows = filter.subjects.length * 3 * (16 + 2 * months)
        await expectToWalk(() => listLogEntries(recording, filter, { limit }), mostRows)
        const rows = await listLogEntries(database.db, { ...filter, to: filter.to ?? middle }, { limit: 10 })
        const cursor = rows.at(-1) ? positionOf(rows.at(-1)!) : undefined
        await expectToWalk(() => listLogEntries(recording, filter, { limit, cursor }), mostRows)
      })

      // A row for each day, kind and outcome; of what is not packed there is none here.
      test('the counts of each day', async () => {
        await expectToWalk(() => usesByDay(recording, { credentialIds: ['key_1', 'key_7', 'key_0'] }), 3 * 31 * 2)
        await expectToWalk(() => activityByDay(recording, [organization]), 31 * 2)
        await expectToWalk(() => activityByDay(recording, own), 2 * 31 * 2)
      })

      test("a key's last use", async () => {
        await expectToWalk(
          () =>
            sql`select ${lastUseOfApiKey(sql`k.id`)} from (values ('key_1'), ('key_7')) as k (id)`.execute(recording),
          2 * (months + 2),
        )
      })
    })
  }
})

function daysAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString()
}

/** The test's database, and what is asked of it. */
function recordingDatabase({ pool }: OpenTestDatabase) {
  const recorded: Statement[] = []
  const recordingPool = {
    async connect() {
      const client = await pool.connect()
      return {
        query: (text: string, values: unknown[]) => {
          recorded.push({ text, values })
          return client.query(text as never, values as never)
        },
        release: () => client.release(),
      }
    },
    end: async () => {},
  }
  const recording = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: recordingPool as never }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  })
  return { recording, recorded }
}

/** Thirteen months' entries of 20 organizations, 200 people and 500 keys; half of them are of one busy key. */
async function fill(db: Queryable): Promise<void> {
  for (let days = 395; days > 0; days -= 30) {
    await maintainPartitions(db, { retentionDays: 3650, at: new Date(daysAgo(days)) })
  }
  const organizationOf = sql`'org_' || case when n % 40000 = 0 then 2 else uses.who % 20 end`
  const uses = sql`select n, case when n % 2 = 0 then 1 else n % 500 end as who from generate_series(1, ${entries}::int) as n`
  await sql`create temporary table numbers as
    select who, organization_id, authentication_log_holder('key_' || who, 'api_key', 'Nightly export', 'usr_' || who % 200,
      'somebody@example.test', organization_id, null) as holder
    from (select distinct uses.who, ${organizationOf} as organization_id from (${uses}) as uses) as combined`.execute(
    db,
  )
  const way = (outcome: string, reason: string | null) =>
    sql`authentication_log_way(${outcome}, ${reason}, 'introspection', 'inventory-api', 'curl/8', 'GET')`
  await sql`
    insert into authentication_log_batches (at, uses, holder, way, ip, path)
    select now() - (1 - (n / 500) * 500 / ${entries}::float8) * interval '395 days', count(*), array_agg(holder order by n),
      array_agg(case when n % 50000 = 1 then refused else accepted end order by n), array_agg('203.0.113.9'::text),
      array_agg('/items'::text)
    from (${uses}) as uses join numbers on numbers.who = uses.who and numbers.organization_id = ${organizationOf},
      (select ${way('accepted', null)} as accepted, ${way('refused', 'revoked')} as refused) as ways
    group by n / 500 order by n / 500`.execute(db)
}

async function explain(db: Queryable, settings: string[], { text, values }: Statement): Promise<PlanNode> {
  const plain = values.reduceRight<string>(
    (query, value, index) => query.replaceAll(`$${index + 1}`, literal(value)),
    text,
  )
  const outcome = db.transaction().execute(async (tx) => {
    for (const setting of settings) await sql.raw(setting).execute(tx)
    const { rows } = await sql
      .raw<Record<string, [{ Plan: PlanNode }]>>(`explain (analyze, format json) ${plain}`)
      .execute(tx)
    // A statement that writes shall not have happened.
    throw Object.values(rows[0]!)[0]![0].Plan
  })
  return outcome.catch((plan) => ('Node Type' in plan ? plan : Promise.reject(plan)))
}

function literal(value: unknown): string {
  return typeof value === 'number' ? String(value) : `'${String(value)}'`
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)]
}

function rowsTouched(node: PlanNode): number {
  const rows =
    node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
  return rows * node['Actual Loops']
}
