import { sql } from 'kysely'
import { listLogEntries } from '#credentials/log/log-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { ConnectionOwner } from './connection-queries.ts'

/** How a connection has been used. */
export interface ConnectionActivity {
  /** When somebody last came in through it; null: nobody has, or who did is gone. */
  lastSignInAt: Date | null
  /** How many people sign in through it. */
  people: number
  /** Sign-ins refused within `failureDays`; at most `mostFailures` of all its owner's. */
  failures: number
}

export const failureDays = 7
const mostFailures = 200

/** The same for each of some connections of one owner, by id. @param now of the caller, for the log's period */
export async function activityOfConnections(
  db: Queryable,
  { organizationId }: ConnectionOwner,
  ids: readonly string[],
  now: Date,
): Promise<Map<string, ConnectionActivity>> {
  if (ids.length === 0) return new Map()
  const subject = organizationId === null ? ({ of: 'everything' } as const) : ofOrganization(organizationId)
  const from = new Date(now.getTime() - failureDays * 86_400_000).toISOString()
  const [uses, refusals] = await Promise.all([
    sql<{ id: string; people: number; lastSignInAt: Date }>`
      select connection_id as id, count(distinct user_id)::int as people, max(last_used_at) as last_sign_in_at
      from identities where connection_id = any(${ids}::text[]) group by 1`.execute(db),
    listLogEntries(db, { subjects: [subject], outcome: 'refused', from }, { limit: mostFailures }),
  ])
  const used = new Map(uses.rows.map((row) => [row.id, row]))
  return new Map(
    ids.map((id) => {
      const { people = 0, lastSignInAt = null } = used.get(id) ?? {}
      return [id, { people, lastSignInAt, failures: refusals.filter(({ credentialId }) => credentialId === id).length }]
    }),
  )
}

const ofOrganization = (organizationId: string) => ({ of: 'organization', organizationId }) as const
