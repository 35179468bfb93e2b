import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from './database.ts'

/**
 * Claims something that may happen once. The insert that succeeds is the winner, on every node; inside a transaction
 * others wait for its outcome, and a rolled-back claim is no claim.
 * @param name what is claimed: stored only as SHA-256
 * @returns whether this caller is the one
 */
export async function claimOnce(db: Queryable, name: string, expiresAt: Date): Promise<boolean> {
  const claimed = await db
    .insertInto('singleUses')
    .values({ hash: sha256(name), expiresAt })
    .onConflict((conflict) => conflict.column('hash').doNothing())
    .returning('hash')
    .executeTakeFirst()
  return claimed !== undefined
}
