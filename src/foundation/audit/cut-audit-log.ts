import { type RawBuilder, sql } from 'kysely'
import { databaseNow } from '#foundation/database/clock.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { recordAuditEvent } from './record-audit-event.ts'
import { cutAction, isOf } from './verify-audit-log.ts'

/**
 * Lets entries go that are older than `retentionDays`, from the old end of each chain, which notes in an entry of its own
 * what was cut and where it begins now. Each chain is cut once a day at most, or cutting would fill it with its notes.
 * @param options.at for tests
 * @returns how many entries went
 */
export async function cutAuditLog(
  db: Queryable,
  { retentionDays, at }: { retentionDays: number; at?: Date },
): Promise<number> {
  const end = sql<Date>`(${at ?? databaseNow}::timestamptz - ${retentionDays}::int * interval '1 day')`
  const { rows } = await sql<{ chain: string }>`
    select distinct coalesce(organization_id, '') as chain from audit_log
    where occurred_at < ${end} - interval '1 day' order by chain`.execute(db)
  let cut = 0
  for (const { chain } of rows) cut += await cutChain(db, chain, end)
  return cut
}

/** Entries are numbered as they were committed: one that began before another may stand behind it, and stays with it. */
function cutChain(db: Queryable, chain: string, end: RawBuilder<Date>): Promise<number> {
  return inTransaction(db, async (tx) => {
    const { rows } = await sql<{ entries: number; next: number | null; hash: string | null }>`
      with old as (
        delete from audit_log where ${isOf(chain)} and seq < coalesce(
          (select min(seq) from audit_log where ${isOf(chain)} and occurred_at >= ${end}),
          (select max(seq) + 1 from audit_log where ${isOf(chain)}))
        returning seq, hash)
      select count(*) as entries, max(seq) + 1 as next,
        (select encode(hash, 'hex') from old order by seq desc limit 1) as hash from old`.execute(tx)
    const { entries, next, hash } = rows[0]!
    if (entries === 0) return 0
    await recordAuditEvent(tx, {
      actor: { system: 'retention' },
      action: cutAction,
      subject: { kind: 'audit_log', id: null, name: 'audit log' },
      organizationId: chain || null,
      before: { entries },
      after: { first_entry: next, previous_hash: hash },
    })
    return entries
  })
}
