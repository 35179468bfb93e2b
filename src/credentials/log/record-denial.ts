import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'

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
 * one moment that are alike in all of this are interchangeable, so each denial takes one that no other has.
 */
export async function recordDenial(db: Queryable, use: LoggedUse, reason: DenialReason): Promise<void> {
  const { credentialId, loggedAt, via, ip = null, userAgent = null, method = null, path = null } = use
  await sql`update authentication_log set outcome = 'denied', reason = ${reason}
    where occurred_at = ${loggedAt}::timestamptz and id = (
      select id from authentication_log
      where occurred_at = ${loggedAt}::timestamptz and outcome = 'accepted' and credential_id = ${credentialId}
        and via = ${via} and ip is not distinct from ${ip} and user_agent is not distinct from ${userAgent}
        and method is not distinct from ${method} and path is not distinct from ${path}
      limit 1 for update skip locked)`.execute(db)
}
