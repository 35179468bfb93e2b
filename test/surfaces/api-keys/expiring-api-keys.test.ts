import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { remindOfExpiringApiKeys } from '#authentication/api-keys/remind-of-expiring-api-keys.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { createMailOutbox } from '#foundation/outbox/outbox.ts'
import { databases, deployOn } from '#support/api-requests.ts'
import { freePort } from '#support/free-port.ts'
import { act, createKey, deleteAllKeys, letExpire, type SignedIn, signInTo } from '#support/keys.ts'
import { mailsTo } from '#support/mails.ts'
import type { Deployment } from '#support/wire.ts'
import { sweepExpired } from '../../../src/sweep.ts'

const dayMs = 86_400_000
const minuteMs = 60_000

describe.each(databases)('keys that expire on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let ada: SignedIn
  let grace: SignedIn
  beforeAll(async () => {
    // Nothing listens there: mails wait to be read.
    deployment = await deployOn(database, { config: { smtpUrl: `smtp://127.0.0.1:${await freePort()}` } })
    gatehouse = deployment.gatehouse
    ada = await signInTo(gatehouse, 'globex')
    grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
  })
  beforeEach(async () => {
    await deleteAllKeys(gatehouse)
    await gatehouse.database.db.deleteFrom('mailOutbox').execute()
  })
  afterAll(() => deployment.stop())

  /** As a node does every minute or so. */
  function remind(daysFromNow: number, minutes = 0): Promise<number> {
    const { db } = gatehouse.database
    const outbox = createMailOutbox({
      encryption: encryptionWith(gatehouse.config.encryptionKeys),
      log: pino({ level: 'silent' }),
    })
    return remindOfExpiringApiKeys({ db, outbox }, new Date(Date.now() + daysFromNow * dayMs + minutes * minuteMs))
  }

  const announced = async (email = 'ada@acme.test') =>
    (await mailsTo(gatehouse, email)).map(({ content }) => (content.locals as { keyName: string }).keyName)

  test('are announced to their owners seven days before, once', async () => {
    const key = await createKey(gatehouse, ada, { name: 'monthly', expires_in_days: 30 })
    await createKey(gatehouse, grace, { name: 'quarterly', expires_in_days: 90 })
    expect(await remind(22.9)).toBe(0)
    expect(await remind(23.1)).toBe(1)
    expect(await remind(24)).toBe(0)
    const [mail] = await mailsTo(gatehouse, 'ada@acme.test')
    expect(mail).toMatchObject({
      template: 'api-key-expiring',
      content: { locals: { keyName: 'monthly', keyHint: key.json.hint, expiresAt: key.json.expires_at } },
    })
    // A later end is announced again.
    await act(gatehouse, ada, 'PATCH', key.id, '', { json: { expires_in_days: 60 } })
    expect(await remind(25)).toBe(0)
    expect(await remind(54)).toBe(1)
    expect(await announced('grace@globex.test')).toEqual([])
  })

  test('are not announced when they are revoked, expired already, or live for a week only', async () => {
    const revoked = await createKey(gatehouse, ada)
    await act(gatehouse, ada, 'POST', revoked.id, '/revoke')
    await createKey(gatehouse, ada, { expires_in_days: 7 })
    expect(await remind(0)).toBe(0)
    expect(await remind(24)).toBe(0)
    await createKey(gatehouse, ada, { expires_in_days: 30 })
    expect(await remind(31)).toBe(0)
  })

  test('are announced one after the other, so that each mail leaves; nodes that do it at once send none twice', async () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    for (const name of names) await createKey(gatehouse, ada, { name })
    const together = await Promise.all([remind(24), remind(24), remind(24)])
    expect(together.reduce((sum, count) => sum + count)).toBe(1)
    expect(await remind(24, 10)).toBe(0)
    for (let turn = 1; turn < names.length; turn++) {
      await gatehouse.database.db
        .updateTable('mailOutbox')
        .set({ createdAt: new Date(Date.now() - 2 * 3_600_000) })
        .execute()
      expect(await remind(24, turn * 21)).toBe(1)
    }
    expect((await announced()).sort()).toEqual(names)
  })

  test('stay listed until their owner deletes them', async () => {
    const { id } = await createKey(gatehouse, ada)
    await letExpire(gatehouse, id)
    await gatehouse.database.db
      .updateTable('credentials')
      .set({ expiresAt: new Date(Date.now() - 30 * dayMs) })
      .where('id', '=', id)
      .execute()
    await sweepExpired(gatehouse.database.db)
    expect((await act(gatehouse, ada, 'GET', id)).json.status).toBe('expired')
  })
})
