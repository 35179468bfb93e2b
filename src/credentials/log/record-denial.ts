import { type RawBuilder, sql } from 'kysely'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'
import { countSegment, forgetSubjects, noteSubjects } from './note-segment.ts'

/** What was asked of a credential beyond what its holder may do or see. */
export type DenialReason = 'permission_missing' | 'data_scope_missing'

/** The use that was logged as accepted when the credential was found. */
export interface LoggedUse {
  credentialId: string
  /** The time of its statement, as PostgreSQL wrote it. */
  loggedAt: string
  via: string
  ip: string | undefined
  userAgent: string | undefined
  method: string | undefined
  path: string | undefined
}

/**
 * Turns the entry of a use into a denied one, before the refusal is answered. Only denied requests pay for it. Uses of
 * one moment that are alike in all of this are interchangeable, so each denial takes one that no other has: it locks the row
 * first and looks then. Where the use has been packed meanwhile, its segment is what changes.
 */
export async function recordDenial(db: Queryable, use: LoggedUse, reason: DenialReason): Promise<void> {
  await inTransaction(db, async (tx) => {
    if (await denyInBatch(tx, use, reason)) return
    await lock(tx, 'logPacking')
    await denyInSegment(tx, use, reason)
  })
}

async function denyInBatch(tx: Queryable, use: LoggedUse, reason: DenialReason): Promise<boolean> {
  const at = sql`${use.loggedAt}::timestamptz`
  await sql`select from authentication_log_batches where at = ${at} order by id for update`.execute(tx)
  const { numAffectedRows } = await sql`
    update authentication_log_batches as batch
    set way[place::int] = authentication_log_way('denied', ${reason}, via, resource_server, user_agent, method)
    from (
      select batch.id, place, how.via, how.resource_server, how.user_agent, how.method
      from authentication_log_batches as batch
      cross join lateral unnest(batch.holder, batch.way, batch.credential, batch.ip, batch.path)
        with ordinality as used (holder, way, credential, ip, path, place)
      join authentication_log_holders as who on who.id = used.holder
      join authentication_log_ways as how on how.id = used.way
      where batch.at = ${at} and ${isUse(use, { credential: 'used.credential', ip: 'used.ip', path: 'used.path' })} limit 1
    ) as found where batch.at = ${at} and batch.id = found.id`.execute(tx)
  return numAffectedRows === 1n
}

/** No segment is packed meanwhile. Segments are of one day, so the use is in one that ends on its day. */
async function denyInSegment(tx: Queryable, use: LoggedUse, reason: DenialReason): Promise<void> {
  const at = sql`${use.loggedAt}::timestamptz`
  const { rows } = await sql<{ segment: number; place: number; way: number }>`
    select segment.id as segment, used.place, used.way
    from authentication_log_segments as segment
    cross join lateral unnest(segment.run, segment.holder, segment.way, segment.credential, segment.ip, segment.path)
      with ordinality as used (run, holder, way, credential, ip, path, place)
    join lateral unnest(run_at) with ordinality as run (at, number) on run.number = used.run
    join lateral unnest(holder_credential_id) with ordinality as who (credential_id, number) on who.number = used.holder
    join lateral unnest(way_outcome, way_via, way_user_agent, way_method)
      with ordinality as how (outcome, via, user_agent, method, number) on how.number = used.way
    left join lateral unnest(credentials) with ordinality as c (text, number) on c.number = used.credential
    left join lateral unnest(ips) with ordinality as i (text, number) on i.number = used.ip
    left join lateral unnest(paths) with ordinality as p (text, number) on p.number = used.path
    where last_at >= ${at} and last_at < ${at} + interval '24 hours' and first_at <= ${at} and run.at = ${at}
      and ${isUse(use, { credential: 'c.text', ip: 'i.text', path: 'p.text' })} limit 1`.execute(tx)
  const [found] = rows
  if (!found) return
  await countSegment(tx, found.segment, -1)
  await forgetSubjects(tx, found.segment)
  await sql`
    update authentication_log_segments set way[${found.place}::int] = cardinality(way_outcome) + 1,
      way_outcome = way_outcome || 'denied'::text, way_reason = way_reason || ${reason}::text,
      way_via = way_via || way_via[${found.way}::int],
      way_resource_server = way_resource_server || way_resource_server[${found.way}::int],
      way_user_agent = way_user_agent || way_user_agent[${found.way}::int],
      way_method = way_method || way_method[${found.way}::int]
    where id = ${found.segment}`.execute(tx)
  await noteSubjects(tx, found.segment)
  await countSegment(tx, found.segment, 1)
}

/** @param columns where the query has what the batch or segment itself says of each use */
function isUse(use: LoggedUse, columns: Record<'credential' | 'ip' | 'path', string>): RawBuilder<unknown> {
  const { via, ip = null, userAgent = null, method = null, path = null } = use
  return sql`how.outcome = 'accepted' and coalesce(who.credential_id, ${sql.ref(columns.credential)}) = ${use.credentialId}
    and how.via = ${via} and how.user_agent is not distinct from ${userAgent} and how.method is not distinct from ${method}
    and ${sql.ref(columns.ip)} is not distinct from ${ip} and ${sql.ref(columns.path)} is not distinct from ${path}`
}
