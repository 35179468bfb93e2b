import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { maintainPartitions } from '#credentials/log/partitions.ts'
import { loadSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import type { Database } from '#foundation/database/database.ts'
import { lock, lockEach, tryLock } from '#foundation/database/locks.ts'
import { type OpenTestDatabase, openTestDatabase, postgresAvailable } from '#support/databases.ts'

describe.runIf(postgresAvailable())('advisory locks', () => {
  let node: OpenTestDatabase
  let another: Database
  beforeAll(async () => {
    node = await openTestDatabase('postgres')
    another = await node.openAnotherNode()
  })
  afterAll(() => node.close())

  test('a setup file being applied holds up neither signing keys nor partitions', async () => {
    await node.db.transaction().execute(async (tx) => {
      await lock(tx, 'setup')
      expect(await loadSigningKeys(another.db, encryptionWith([randomBytes(32)]))).not.toHaveLength(0)
      expect((await maintainPartitions(another.db, { retentionDays: 365 })).created).not.toHaveLength(0)
    })
  })

  test('a lock is held until its transaction ends, over all nodes and by key', async () => {
    const tryAnother = (...which: [Parameters<typeof tryLock>[1], string?]) =>
      another.db.transaction().execute((tx) => tryLock(tx, ...which))
    await node.db.transaction().execute(async (tx) => {
      await lock(tx, 'mailLink', 'ada')
      expect(await tryAnother('mailLink', 'ada')).toBe(false)
      expect(await tryAnother('mailLink', 'grace')).toBe(true)
      expect(await tryAnother('mailRecipient', 'ada')).toBe(true)
    })
    expect(await tryAnother('mailLink', 'ada')).toBe(true)
  })

  test('transactions that lock the same keys in another order do not wait for each other', async () => {
    const keys = ['ada', 'grace', 'noor', 'root']
    const takings = Array.from({ length: 8 }, (_, n) =>
      (n % 2 ? node : another).db
        .transaction()
        .execute((tx) => lockEach(tx, 'mailRecipient', n % 2 ? keys : keys.toReversed())),
    )
    expect(await Promise.all(takings)).toHaveLength(8)
  })
})
