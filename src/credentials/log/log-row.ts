import { sql } from 'kysely'
import { atOfEntry } from '#foundation/database/log-walk.ts'
import type { LogOutcome } from './log-filter.ts'

/** One use of a credential. */
export interface LogRow {
  id: number
  occurredAt: Date
  /** ISO 8601 with microseconds, by which entries are ordered. */
  at: string
  outcome: LogOutcome
  reason: string | null
  credentialId: string | null
  credentialKind: string
  credentialName: string | null
  via: string
  userId: string | null
  userEmail: string | null
  organizationId: string | null
  clientId: string | null
  resourceServer: string | null
  /** Of a sum: the network, in CIDR notation. */
  ip: string | null
  userAgent: string | null
  method: string | null
  path: string | null
  /** How many uses the entry stands for. */
  count: number
}

export const entryColumns = sql`id, occurred_at, ${atOfEntry},
  outcome, reason, credential_id, credential_kind, credential_name, via, user_id, user_email, organization_id, client_id,
  resource_server, ip, user_agent, method, path, count`
