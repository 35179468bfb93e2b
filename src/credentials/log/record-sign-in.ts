import { type RawBuilder, sql } from 'kysely'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import type { Connection, User } from '#foundation/database/schema.ts'
import { logText } from '#foundation/values/log-text.ts'
import { recordUse } from './entries-from.ts'

export interface SignInUse {
  outcome: 'accepted' | 'refused'
  reason: string | null
  user: User | undefined
  /** Slug or id of the organization that the request names. */
  organization: string | undefined
  clientId: string | undefined
  ip: string | undefined
  userAgent: string | undefined
}

/** One authentication-log entry for a password that was presented. It never says which address was tried in vain. */
export function recordSignIn(db: Queryable, { organization, ...use }: SignInUse): Promise<void> {
  return insertSignIn(db, {
    ...use,
    credentialId: null,
    credentialKind: 'password',
    credentialName: null,
    // Asked for unknown addresses too: the time tells nothing.
    organizationId: organizationOfSignIn(use.user?.id ?? '', organization),
  })
}

export interface ConnectionSignInUse extends Omit<SignInUse, 'outcome' | 'user'> {
  connection: Pick<Connection, 'id' | 'name' | 'organizationId'>
  user: Pick<User, 'id' | 'email'> | undefined
}

/** One authentication-log entry for a person whom an identity provider has identified. @param use.reason null: accepted */
export function recordConnectionSignIn(
  db: Queryable,
  { connection, organization, ...use }: ConnectionSignInUse,
): Promise<void> {
  return insertSignIn(db, {
    ...use,
    outcome: use.reason === null ? 'accepted' : 'refused',
    credentialId: connection.id,
    credentialKind: 'connection',
    credentialName: connection.name,
    // A sign-in by an organization's own connection is that organization's business.
    organizationId: connection.organizationId ?? organizationOfSignIn(use.user?.id ?? '', organization),
  })
}

type SignInEntry = Omit<SignInUse, 'organization' | 'user'> & {
  user: Pick<User, 'id' | 'email'> | undefined
  credentialId: string | null
  credentialKind: 'password' | 'connection'
  credentialName: string | null
  organizationId: string | RawBuilder<string | null>
}

function insertSignIn(db: Queryable, entry: SignInEntry): Promise<void> {
  const { user, clientId = null, ip = null, userAgent } = entry
  return recordUse(db, {
    outcome: entry.outcome,
    reason: entry.reason,
    credential_id: entry.credentialId,
    credential_kind: entry.credentialKind,
    credential_name: entry.credentialName,
    via: 'sign-in',
    user_id: user?.id ?? null,
    user_email: user?.email ?? null,
    organization_id: entry.organizationId,
    client_id: clientId,
    resource_server: null,
    ip,
    user_agent: logText(userAgent) ?? null,
    method: null,
    path: null,
  })
}

/**
 * To which organization's log a sign-in belongs: the one that the request names (slug or id) or, where it names none, the
 * person's only one. They must be an active member, or a superadmin, so that no entry gets into a stranger's log.
 */
function organizationOfSignIn(userId: string, named: string | undefined): RawBuilder<string | null> {
  const asked = named !== undefined && isStorable(named) ? named : null
  return sql<string | null>`(select case when count(*) = 1 then min(o.id) end
    from (select organization_id as id from memberships where user_id = ${userId} and deactivated_at is null
      union select o.id from organizations o, users u
      where u.id = ${userId} and u.superadmin and (o.slug = ${asked} or o.id = ${asked})) as theirs
    join organizations o using (id)
    where o.suspended_at is null and (${asked}::text is null or o.slug = ${asked} or o.id = ${asked}))`
}
