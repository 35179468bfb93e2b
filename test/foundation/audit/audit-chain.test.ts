import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { cutAuditLog } from '#foundation/audit/cut-audit-log.ts'
import { withOrigin } from '#foundation/audit/origin.ts'
import { type AuditEvent, recordAuditEvent, recordAuditEvents } from '#foundation/audit/record-audit-event.ts'
import { verifyAuditLog } from '#foundation/audit/verify-audit-log.ts'
import { openDatabase, type Queryable } from '#foundation/database/database.ts'
import { migrate } from '#foundation/database/migrate.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase, postgresAvailable } from '#support/databases.ts'

const event = (organizationId: string | null, name = 'readers'): AuditEvent => ({
  actor: { user: { id: 'usr_1', email: 'ada@acme.test' } },
  action: 'team.updated',
  subject: { kind: 'team', id: 'team_1', name },
  organizationId,
  before: { name: 'old' },
  after: { name },
})

describe.each(availableDatabases())('the audit log as a chain on %s', (kind) => {
  let store: OpenTestDatabase
  let db: Queryable
  beforeAll(async () => {
    store = await openTestDatabase(kind)
    db = store.db
  })
  afterAll(() => store.close())
  beforeEach(async () => {
    await sql`delete from audit_log`.execute(db)
    await sql`delete from audit_heads`.execute(db)
    for (const name of ['a', 'b', 'c', 'd', 'e']) await recordAuditEvent(db, event('org_acme', name))
    await recordAuditEvents(db, [event('org_globex'), event(null), event('org_globex')])
  })

  const chains = () => verifyAuditLog(db)
  const chainOf = async (id: string | null) => (await chains()).find((chain) => chain.organizationId === id)!
  const problemOf = async (id: string | null) => (await chainOf(id)).problem
  const entry = (n: number) => sql`organization_id = 'org_acme' and seq = ${n}`

  test('each organization has one, and the deployment has one', async () => {
    const found = await chains()
    expect(found.map(({ organizationId, entries }) => [organizationId, entries])).toEqual([
      [null, 1],
      ['org_acme', 5],
      ['org_globex', 2],
    ])
    for (const { from, head, problem, entries } of found) {
      expect([from, head.number, problem]).toEqual([1, entries, undefined])
      expect(head.hash).toMatch(/^[0-9a-f]{64}$/)
    }
  })

  test('what a transaction that fails has written leaves no gap', async () => {
    const failing = db.transaction().execute(async (tx) => {
      await recordAuditEvent(tx, event('org_acme'))
      throw new Error('changed its mind')
    })
    await expect(failing).rejects.toThrow('changed its mind')
    await recordAuditEvent(db, event('org_acme'))
    expect(await chainOf('org_acme')).toMatchObject({ entries: 6, head: { number: 6 } })
    expect(await problemOf('org_acme')).toBeUndefined()
  })

  const columns = [
    ...['action', 'actor_kind', 'actor_id', 'actor_name', 'owner_id', 'owner_name', 'via', 'subject_kind'],
    ...['subject_id', 'subject_name', 'ip', 'request_id'],
  ]
  test.each(columns)('an entry whose %s was edited is named', async (column) => {
    await sql`update audit_log set ${sql.ref(column)} = 'forged' where ${entry(3)}`.execute(db)
    const { rows } = await sql<{ id: number }>`select id from audit_log where ${entry(3)}`.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({ kind: 'changed', number: 3, entryId: rows[0]!.id })
    expect([await problemOf('org_globex'), await problemOf(null)]).toEqual([undefined, undefined])
  })

  test.each([
    ['before', sql`before = '{"name": "forged"}'`],
    ['after', sql`after = null`],
    ['time', sql`occurred_at = occurred_at - interval '1 microsecond'`],
    ['hash', sql`hash = sha256('forged')`],
  ])('an entry whose %s was edited is named', async (_name, change) => {
    await sql`update audit_log set ${change} where ${entry(2)}`.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({ kind: 'changed', number: 2 })
  })

  test('an entry that was computed anew gives itself away by the one behind it', async () => {
    await sql`update audit_log a set actor_name = 'forged' where ${entry(3)}`.execute(db)
    await sql`update audit_log a set hash = audit_entry_hash(
      (select hash from audit_log where ${entry(2)}), a) where ${entry(3)}`.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({ kind: 'changed', number: 4 })
  })

  test('an entry that was taken out is named', async () => {
    await sql`delete from audit_log where ${entry(3)}`.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({
      kind: 'missing',
      number: 3,
      message: 'entry 3 is missing, before entry 4',
    })
  })

  test('the first entry, taken out, is missed', async () => {
    await sql`delete from audit_log where ${entry(1)}`.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({ kind: 'missing', number: 1 })
  })

  test('closing the gap behind an entry that was taken out does not hide it', async () => {
    await sql`delete from audit_log where ${entry(3)}`.execute(db)
    await sql`update audit_log set seq = seq - 1 where organization_id = 'org_acme' and seq = 4`.execute(db)
    await sql`update audit_log set seq = seq - 1 where organization_id = 'org_acme' and seq = 5`.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({ kind: 'changed', number: 3 })
  })

  test('two entries that changed places are named', async () => {
    await sql`update audit_log set seq = 99 where ${entry(2)}`.execute(db)
    await sql`update audit_log set seq = 2 where ${entry(3)}`.execute(db)
    await sql`update audit_log set seq = 3 where ${entry(99)}`.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({ kind: 'changed', number: 2 })
  })

  test('entries that are missing at the end are missed, by the head that is kept apart', async () => {
    await sql`delete from audit_log where organization_id = 'org_acme' and seq > 3`.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({
      kind: 'missing_at_end',
      number: 4,
      message: 'entries 4 to 5 are missing, at the end',
    })
  })

  test('so is a whole chain', async () => {
    await sql`delete from audit_log where organization_id = 'org_acme'`.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({ kind: 'missing_at_end', number: 1 })
  })

  test.each([
    ['set back', sql`update audit_heads set seq = 4 where chain = 'org_acme'`, 5],
    ['given another hash', sql`update audit_heads set hash = sha256('forged') where chain = 'org_acme'`, 6],
    ['removed', sql`delete from audit_heads where chain = 'org_acme'`, 5],
  ])('a head that was %s does not fit', async (_name, change, number) => {
    await change.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({ kind: 'head_changed', number })
  })

  test('an entry that was moved to another organization is missed in one and strange in the other', async () => {
    await sql`update audit_log set organization_id = 'org_globex', seq = 3 where ${entry(5)}`.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({ kind: 'missing_at_end', number: 5 })
    expect(await problemOf('org_globex')).toMatchObject({ kind: 'changed', number: 3 })
  })

  test('an entry that was written past the chain is named', async () => {
    await sql`alter table audit_log disable trigger audit_log_link`.execute(db)
    await recordAuditEvent(db, event('org_acme'))
    await sql`alter table audit_log enable trigger audit_log_link`.execute(db)
    expect(await problemOf('org_acme')).toMatchObject({ kind: 'not_linked' })
  })

  test('the same entry has the same hash whatever the settings of a session', async () => {
    await db.transaction().execute(async (tx) => {
      await sql`set local timezone = 'Pacific/Auckland'`.execute(tx)
      await sql`set local datestyle = 'German'`.execute(tx)
      await sql`set local bytea_output = 'escape'`.execute(tx)
      await sql`set local extra_float_digits = -10`.execute(tx)
      await recordAuditEvent(tx, { ...event('org_acme'), after: { ratio: 0.1, text: 'ünï\u0001"\\' } })
    })
    expect(await problemOf('org_acme')).toBeUndefined()
  })

  describe('after retention', () => {
    const cut = () => cutAuditLog(db, { retentionDays: 30 })
    const age = (numbers: number) =>
      sql`alter table audit_log disable trigger audit_log_link`.execute(db).then(async () => {
        await sql`delete from audit_log`.execute(db)
        await sql`delete from audit_heads`.execute(db)
        await sql`insert into audit_log (occurred_at, actor_kind, actor_name, via, action, subject_kind, subject_name, organization_id)
          select now() - case when n <= ${numbers} then interval '40 days' else interval '1 day' end, 'user', 'ada', 'api', 'team.updated', 'team', 'n' || n, 'org_acme'
          from generate_series(1, 6) as n`.execute(db)
        await sql`select link_audit_entries()`.execute(db)
        await sql`alter table audit_log enable trigger audit_log_link`.execute(db)
      })

    test('what it cut is accepted as missing, and the chain says so itself', async () => {
      await age(4)
      expect(await cut()).toBe(4)
      expect(await chainOf('org_acme')).toMatchObject({ from: 5, entries: 3, head: { number: 7 } })
      expect(await problemOf('org_acme')).toBeUndefined()
      const note = await db.selectFrom('auditLog').selectAll().where('action', '=', 'audit_log.cut').executeTakeFirst()
      expect(note).toMatchObject({ actorKind: 'retention', before: { entries: 4 }, after: { first_entry: 5 } })
      await recordAuditEvent(db, event('org_acme'))
      expect(await problemOf('org_acme')).toBeUndefined()
      expect(await cut()).toBe(0)
    })

    test('nothing more may be missing than it cut', async () => {
      await age(4)
      await cut()
      await sql`delete from audit_log where ${entry(5)}`.execute(db)
      expect(await problemOf('org_acme')).toMatchObject({ kind: 'missing', number: 5 })
    })

    test('nobody else cuts: its note cannot be forged', async () => {
      await age(4)
      await cut()
      await sql`update audit_log set after = jsonb_build_object('first_entry', 6, 'previous_hash',
        (select encode(hash, 'hex') from audit_log where ${entry(5)})) where action = 'audit_log.cut'`.execute(db)
      await sql`delete from audit_log where ${entry(5)}`.execute(db)
      expect(await problemOf('org_acme')).toMatchObject({ kind: 'changed', number: 7 })
    })

    test('a chain that is cut whole goes on behind its note', async () => {
      await age(6)
      expect(await cut()).toBe(6)
      expect(await chainOf('org_acme')).toMatchObject({ from: 7, entries: 1, head: { number: 7 } })
      expect(await problemOf('org_acme')).toBeUndefined()
    })
  })

  test('an entry tells by which door it came, from where and in which request', async () => {
    const origin = { via: 'api', ip: '192.0.2.7', requestId: 'r1' } as const
    await withOrigin(origin, () => recordAuditEvent(db, event('org_acme', 'with origin')))
    const written = await db
      .selectFrom('auditLog')
      .selectAll()
      .where('subjectName', '=', 'with origin')
      .executeTakeFirst()
    expect(written).toMatchObject(origin)
  })
})

describe.runIf(postgresAvailable())('chains under races', () => {
  test('parallel changes of two nodes, in any order of organizations, lose no entry and wait for no one in a circle', async () => {
    const store = await openTestDatabase('postgres')
    const nodes = [store, await store.openAnotherNode()]
    const organizations = ['org_a', 'org_b', 'org_c', null]
    const changes = Array.from({ length: 120 }, (_, n) => {
      const { db } = nodes[n % 2]!
      const order = n % 3 === 0 ? organizations : n % 3 === 1 ? organizations.toReversed() : [organizations[n % 4]!]
      return db.transaction().execute(async (tx) => {
        for (const organization of order) await recordAuditEvent(tx, event(organization, `change ${n}`))
        if (n % 10 === 9) throw new Error('no')
      })
    })
    const failures = (await Promise.allSettled(changes)).flatMap((done) =>
      'reason' in done ? String(done.reason) : [],
    )
    expect(new Set(failures)).toEqual(new Set(['Error: no']))
    const chains = await verifyAuditLog(store.db)
    expect(chains.filter(({ problem }) => problem)).toEqual([])
    const written = Array.from({ length: 120 }, (_, n): number => (n % 10 === 9 ? 0 : n % 3 === 2 ? 1 : 4))
    expect(chains.reduce((sum, { entries }) => sum + entries, 0)).toBe(written.reduce((a, b) => a + b, 0))
    await store.close()
  })

  test('a change under way makes no other wait, of its own organization neither', async () => {
    const store = await openTestDatabase('postgres')
    await store.db.transaction().execute(async (tx) => {
      await recordAuditEvent(tx, event('org_a', 'slow'))
      await recordAuditEvent(store.db, event('org_a', 'quick'))
      await recordAuditEvent(store.db, event('org_b', 'quick'))
    })
    const log = await store.db
      .selectFrom('auditLog')
      .select('subjectName')
      .orderBy('seq')
      .orderBy('organizationId')
      .where('organizationId', '=', 'org_a')
      .execute()
    expect(log).toEqual([{ subjectName: 'quick' }, { subjectName: 'slow' }])
    expect((await verifyAuditLog(store.db)).filter(({ problem }) => problem)).toEqual([])
    await store.close()
  })
})

test('entries of earlier versions are told in the new form, and chained as they are', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-migrations-'))
  const all = new URL('../../../src/foundation/database/migrations/', import.meta.url)
  const names = readdirSync(all).sort()
  const earlier = names.slice(
    0,
    names.findIndex((name) => name.endsWith('-audit-entries.sql')),
  )
  for (const name of earlier) cpSync(new URL(name, all), join(directory, name))
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-earlier-'))
  const store = await openDatabase({ databaseUrl: undefined, dataDir, onError: console.error })
  await migrate(store.db, pathToFileURL(`${directory}/`))
  await sql`insert into users (id, email, name) values ('usr_1', 'ada@acme.test', 'Ada')`.execute(store.db)
  await sql`insert into audit_log (actor, action, subject, organization_id) values
    ('usr_1', 'membership.created', 'member acme/ada@acme.test', 'org_acme'),
    ('setup:boot', 'client.created', 'resource server inventory-api', null),
    ('connection:acme-okta', 'identity.linked', 'identity of ada@acme.test at acme-okta', 'org_acme'),
    ('leak-report', 'api_key.revoked', 'api key acme/ada@acme.test/nightly', 'org_acme')`.execute(store.db)
  await migrate(store.db)
  const told = await store.db
    .selectFrom('auditLog')
    .select(['actorKind', 'actorId', 'actorName', 'action', 'subjectKind', 'subjectName', 'seq'])
    .orderBy('id')
    .execute()
  expect(told.map((row) => Object.values(row))).toEqual([
    ['user', 'usr_1', 'ada@acme.test', 'member.added', 'member', 'ada@acme.test', 1],
    ['setup_file', null, 'boot', 'client.created', 'client', 'inventory-api', 1],
    ['connection', null, 'acme-okta', 'identity.linked', 'identity', 'ada@acme.test at acme-okta', 2],
    ['leak_report', null, 'leak report', 'api_key.revoked', 'api_key', 'ada@acme.test/nightly', 3],
  ])
  expect((await verifyAuditLog(store.db)).filter(({ problem }) => problem)).toEqual([])
  await store.close()
  for (const made of [directory, dataDir]) rmSync(made, { recursive: true })
})
