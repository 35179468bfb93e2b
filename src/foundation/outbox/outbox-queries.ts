import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import type { MailTemplate } from './mail.ts'

/** A mail that this node alone may send until its lease is over. */
export interface ClaimedMail {
  id: string
  template: MailTemplate
  content: Buffer
  /** Counts this one. It names the claim: a later claim has a higher one. */
  attempts: number
  createdAt: Date
  /** Milliseconds, by the database's clock. */
  ageMs: number
}

/**
 * Claims at most `limit` mails that are due, oldest first, for `leaseMs`. Nodes that claim at the same moment skip each
 * other's; what a dead node had claimed is due again after its lease.
 */
export async function claimDueMails(
  db: Queryable,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<ClaimedMail[]> {
  const claimed = await db
    // A CTE, because a subquery of WHERE may be run again for every row, and lock more than its limit.
    .with('due', (query) =>
      query
        .selectFrom('mailOutbox')
        .select('id')
        .where('content', 'is not', null)
        .where('nextAttemptAt', '<=', sql<Date>`now()`)
        .where((is) => is.or([is('claimedUntil', 'is', null), is('claimedUntil', '<', sql<Date>`now()`)]))
        .orderBy('nextAttemptAt')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .updateTable('mailOutbox')
    .from('due')
    .whereRef('mailOutbox.id', '=', 'due.id')
    .set((column) => ({ attempts: column('mailOutbox.attempts', '+', 1), claimedUntil: inMilliseconds(leaseMs) }))
    .returning(['mailOutbox.id', 'template', 'content', 'attempts', 'createdAt'])
    .returning(sql<number>`extract(epoch from now() - created_at)::float8 * 1000`.as('ageMs'))
    .execute()
  return claimed as ClaimedMail[]
}

/** The mail is delivered: nothing of what it said stays. */
export async function recordDelivery(db: Queryable, mail: ClaimedMail): Promise<void> {
  await updateClaimed(db, mail, { content: null, deliveredAt: sql<Date>`now()`, lastError: null })
}

/** The mail is tried again in `delayMs`. */
export async function recordRetry(
  db: Queryable,
  mail: ClaimedMail,
  { delayMs, lastError }: { delayMs: number; lastError: string },
): Promise<void> {
  await updateClaimed(db, mail, { nextAttemptAt: inMilliseconds(delayMs), lastError })
}

/** The mail is never tried again. */
export async function recordGivenUp(db: Queryable, mail: ClaimedMail, lastError: string): Promise<void> {
  await updateClaimed(db, mail, { content: null, givenUpAt: sql<Date>`now()`, lastError })
}

/** A claim that was lost to another node (its lease ran out) changes nothing any more. */
async function updateClaimed(
  db: Queryable,
  { id, attempts }: ClaimedMail,
  change: {
    content?: null
    deliveredAt?: RawBuilder<Date>
    givenUpAt?: RawBuilder<Date>
    nextAttemptAt?: RawBuilder<Date>
    lastError: string | null
  },
): Promise<void> {
  await db
    .updateTable('mailOutbox')
    .set({ ...change, claimedUntil: null })
    .where('id', '=', id)
    .where('attempts', '=', attempts)
    .execute()
}

function inMilliseconds(milliseconds: number): RawBuilder<Date> {
  return sql<Date>`now() + ${milliseconds}::float8 * interval '1 millisecond'`
}
