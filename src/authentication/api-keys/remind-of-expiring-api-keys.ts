import { takeExpiringApiKeys } from '#credentials/issued/api-keys.ts'
import { clock } from '#foundation/database/clock.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'

const batchSize = 100

/**
 * Mails the owners of keys that expire within seven days, once for each key and end; keys that live hardly longer than
 * that are no news. Any number of nodes may do it at once. At most one mail to one person at a time, and the
 * next twenty minutes later: the outbox drops a fourth of a kind within an hour, and no key shall go unannounced.
 * @param at for tests
 * @returns how many mails were left in the outbox
 */
export async function remindOfExpiringApiKeys(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  at?: Date,
): Promise<number> {
  return inTransaction(db, async (tx) => {
    const now = at ?? (await clock(tx))
    const keys = await takeExpiringApiKeys(tx, { now, limit: batchSize })
    await outbox.enqueueMails(
      tx,
      keys.map((key) => ({
        to: key.email,
        template: 'api-key-expiring' as const,
        locals: {
          keyName: key.name,
          keyHint: key.hint,
          organizationName: key.organizationName,
          expiresAt: key.expiresAt.toISOString(),
        },
        organizationId: key.organizationId,
      })),
    )
    return keys.length
  })
}
