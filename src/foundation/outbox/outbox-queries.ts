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

/** A mail as an operator may know it: never to whom, nor what it says. */
export interface OutboxEntry {
  id: string
  template: MailTemplate
  state: 'waiting' | 'delivered' | 'given_up'
  attempts: number
  createdAt: Date
  nextAttemptAt: Date
  lastError: string | null
}

/** Mails that wait, the next one due first; then the latest that are over. */
export async function listOutbox(db: Queryable, limit: number): Promise<OutboxEntry[]> {
  const { rows } = await sql<OutboxEntry>`
    select id, template, attempts, created_at, next_attempt_at, last_error,
      case when content is not null then 'waiting' when delivered_at is not null then 'delivered' else 'given_up' end as state
    from (
      (select *, 0 as part, extract(epoch from next_attempt_at) as rank from mail_outbox where content is not null
        order by next_attempt_at limit ${limit})
      union all
      (select *, 1, -extract(epoch from coalesce(delivered_at, given_up_at)) from mail_outbox where content is null
        order by coalesce(delivered_at, given_up_at) desc limit ${limit})
    ) as mails order by part, rank limit ${limit}`.execute(db)
  return rows
}

/** How many mails wait, and how many were given up within a day. */
export async function countOutbox(db: Queryable): Promise<{ waiting: number; givenUp: number }> {
  const { rows } = await sql<{ waiting: number; givenUp: number }>`
    select (select count(*) from mail_outbox where content is not null) as waiting,
      (select count(*) from mail_outbox where content is null and given_up_at > now() - interval '1 day') as given_up`.execute(
    db,
  )
  return rows[0]!
}
