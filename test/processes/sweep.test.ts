import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'
import { sweepExpired } from '../../src/sweep.ts'

const day = 24 * 60 * 60 * 1000
const ago = (milliseconds: number) => new Date(Date.now() - milliseconds)

describe.each(availableDatabases())('the sweep on %s', (kind) => {
  let database: OpenTestDatabase
  beforeAll(async () => {
    database = await openTestDatabase(kind)
  })
  afterAll(() => database.close())

  test('deletes what has expired, credentials and grants a week later, and nothing else', async () => {
    const { db } = database
    for (const [name, expiresAt] of [
      ['past', ago(1_000)],
      ['future', ago(-60_000)],
    ] as const) {
      const [hash, payload] = [sha256(name), '{}']
      await db.insertInto('protocolState').values({ model: 'Session', idHash: hash, payload, expiresAt }).execute()
      await db.insertInto('singleUses').values({ hash, expiresAt }).execute()
      await db.insertInto('tokenAnswers').values({ requestHash: hash, answer: hash, expiresAt }).execute()
      await db.insertInto('idempotentRequests').values({ keyHash: hash, requestHash: hash, expiresAt }).execute()
      await db.insertInto('idempotentAnswers').values({ keyHash: hash, answer: hash, expiresAt }).execute()
      await sql`insert into rate_limits (key, points, expire) values (${name}, 1, ${expiresAt.getTime()})`.execute(db)
    }
    await insertCredentials(database, { recent: ago(6 * day), old: ago(8 * day) })
    expect(await sweepExpired(db)).toEqual({
      protocol_state: 1,
      single_uses: 1,
      token_answers: 1,
      idempotent_answers: 1,
      idempotent_requests: 1,
      client_secrets: 0,
      rate_limits: 1,
      mail_outbox: 0,
      mail_links: 0,
      credentials: 1,
      sessions: 0,
      oauth_grants: 1,
    })
    expect(await db.selectFrom('credentials').select('id').execute()).toEqual([{ id: 'recent' }])
    expect(await db.selectFrom('oauthGrants').select('id').execute()).toEqual([{ id: 'recent' }])
    expect(await db.selectFrom('singleUses').select('hash').execute()).toEqual([{ hash: sha256('future') }])
    expect(Object.values(await sweepExpired(db)).every((count) => count === 0)).toBe(true)
  })

  test('sessions go that are long over, unless a grant that they gave still lives', async () => {
    const { db } = database
    const [old, recent] = [ago(91 * day), ago(89 * day)]
    for (const [uid, lastUsedAt, endedAt] of [
      ['ended', old, old],
      ['idle', old, null],
      ['ended recently', old, recent],
      ['in use', recent, null],
      ['with a grant', old, null],
    ] as const) {
      await db
        .insertInto('sessions')
        .values({ uid, userId: 'u', ip: null, userAgent: null, lastUsedAt, endedAt })
        .execute()
    }
    const grant = { clientId: 'c', userId: 'u', organizationId: 'o', sessionUid: 'with a grant', payload: '{}' }
    await db
      .insertInto('oauthGrants')
      .values({ ...grant, id: 'living', expiresAt: ago(-day) })
      .execute()
    expect(await sweepExpired(db)).toMatchObject({ sessions: 2 })
    const left = await db.selectFrom('sessions').select('uid').orderBy('uid').execute()
    expect(left.map(({ uid }) => uid)).toEqual(['ended recently', 'in use', 'with a grant'])
  })

  test('done by several nodes at once, deletes each of many rows once', async () => {
    await sql`insert into single_uses
      select sha256(n::text::bytea), now() - interval '1 second' from generate_series(1, 5200) as n`.execute(
      database.db,
    )
    const another = kind === 'postgres' ? await database.openAnotherNode() : database
    const counts = await Promise.all([database, another, database, another].map(({ db }) => sweepExpired(db)))
    expect(counts.reduce((sum, count) => sum + count.single_uses, 0)).toBe(5200)
  })

  test.runIf(kind === 'postgres')('does not wait for a row that somebody holds', async () => {
    const { db } = database
    for (const name of ['held', 'free']) {
      await db
        .insertInto('singleUses')
        .values({ hash: sha256(name), expiresAt: ago(1_000) })
        .execute()
    }
    await db.transaction().execute(async (tx) => {
      await tx.selectFrom('singleUses').select('hash').where('hash', '=', sha256('held')).forUpdate().execute()
      expect(await sweepExpired(db)).toMatchObject({ single_uses: 1 })
    })
    expect(await sweepExpired(db)).toMatchObject({ single_uses: 1 })
  })
})

async function insertCredentials({ db }: OpenTestDatabase, expiries: Record<string, Date>): Promise<void> {
  await db.insertInto('clients').values({ clientId: 'c', clientName: 'C', revision: '1' }).execute()
  await db.insertInto('users').values({ id: 'u', email: 'u@example.test', name: 'U' }).execute()
  await db.insertInto('organizations').values({ id: 'o', slug: 'org', name: 'O' }).execute()
  for (const [id, expiresAt] of Object.entries(expiries)) {
    const owner = { clientId: 'c', userId: 'u', organizationId: 'o' }
    await db
      .insertInto('oauthGrants')
      .values({ id, ...owner, payload: '{}', expiresAt })
      .execute()
    const kind = { format: 'opaque', kind: 'access_token' } as const
    await db
      .insertInto('credentials')
      .values({ hash: sha256(id), id, ...kind, ...owner, expiresAt })
      .execute()
  }
}
