import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'

/** How many rows went, by table. */
export type SweepCounts = Record<(typeof sweeps)[number]['table'], number>

const batchSize = 1_000

interface Sweep {
  table: string
  /** The column by which the time of a row is over. */
  over: RawBuilder<unknown>
}

/** Tokens and grants stay for a week, so that the authentication log can still say why one is refused; API keys until their
 * owner deletes them. */
const sweeps = [
  { table: 'protocol_state', over: sql`expires_at < now()` },
  { table: 'single_uses', over: sql`expires_at < now()` },
  { table: 'client_secrets', over: sql`expires_at < now()` },
  { table: 'token_answers', over: sql`expires_at < now()` },
  { table: 'idempotent_answers', over: sql`expires_at < now()` },
  { table: 'idempotent_requests', over: sql`expires_at < now()` },
  { table: 'rate_limits', over: sql`expire < extract(epoch from now()) * 1000` },
  {
    table: 'mail_outbox',
    over: sql`content is null and coalesce(delivered_at, given_up_at) < now() - interval '7 days'`,
  },
  { table: 'mail_links', over: sql`expires_at < now() - interval '7 days'` },
  {
    table: 'credentials',
    over: sql`(kind <> 'api_key' or deleted_at is not null) and expires_at < now() - interval '7 days'`,
  },
  // One that is over after the longest session there may be, and whose grants have gone.
  {
    table: 'sessions',
    over: sql`coalesce(ended_at, last_used_at) < now() - interval '90 days'
      and not exists (select from oauth_grants where session_uid = sessions.uid and revoked_at is null)`,
  },
  { table: 'oauth_grants', over: sql`expires_at < now() - interval '7 days'` },
] as const satisfies Sweep[]

/**
 * Deletes what has expired, in batches short enough that no request waits for one. Any number of nodes may do it at
 * once: each skips the rows that another is deleting.
 */
export async function sweepExpired(db: Queryable): Promise<SweepCounts> {
  const counts: Record<string, number> = {}
  for (const sweep of sweeps) counts[sweep.table] = await sweepTable(db, sweep)
  return counts as SweepCounts
}

async function sweepTable(db: Queryable, sweep: Sweep): Promise<number> {
  let total = 0
  for (;;) {
    const deleted = await deleteBatch(db, sweep)
    total += deleted
    if (deleted < batchSize) return total
  }
}

async function deleteBatch(db: Queryable, { table, over }: Sweep): Promise<number> {
  // The array keeps the plan to one look-up by ctid for each row, found once through the index on expires_at.
  const result = await sql`
    delete from ${sql.table(table)} where ctid = any(array(
      select ctid from ${sql.table(table)} where ${over} limit ${batchSize} for update skip locked))`.execute(db)
  return Number(result.numAffectedRows ?? 0)
}
