import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection, User } from '#foundation/database/schema.ts'
import { listEnabledConnections } from './connection-queries.ts'

/**
 * The connections of which an organization wants one to have been used before a person acts in it; empty when any
 * sign-in will do. It binds in that organization only: none can lock a person out of another one.
 */
export async function listRequiredConnections(db: Queryable, organizationId: string): Promise<Connection[]> {
  const connections = await listEnabledConnections(db, { organizationId })
  return connections.filter(({ required }) => required)
}

/** Which of these organizations have people sign in through a connection of theirs. @returns ids */
export async function listOrganizationsWithRequiredConnection(
  db: Queryable,
  organizationIds: readonly string[],
): Promise<string[]> {
  const rows = await db
    .selectFrom('connections')
    .select('organizationId')
    .distinct()
    .where(sql<boolean>`organization_id = any(${organizationIds}::text[])`)
    .where('required', '=', true)
    .where('enabled', '=', true)
    .execute()
  return rows.flatMap(({ organizationId }) => organizationId ?? [])
}

/**
 * Whether a sign-in isn't good enough for an organization. Superadmins are exempt: when an identity provider is broken or
 * its connection was set up wrongly, a person must get in to mend it.
 * @param used ids of the connections that the sign-in went through; none for a password
 */
export async function lacksRequiredConnection(
  db: Queryable,
  { user, organizationId, used }: { user: Pick<User, 'superadmin'>; organizationId: string; used: readonly string[] },
): Promise<boolean> {
  if (user.superadmin) return false
  const required = await listRequiredConnections(db, organizationId)
  return required.length > 0 && !required.some(({ id }) => used.includes(id))
}
