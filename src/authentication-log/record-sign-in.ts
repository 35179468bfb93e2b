import { type RawBuilder, sql } from 'kysely'
import { isStorable, type Queryable } from '../database/database.ts'
import type { User } from '../database/schema.ts'
import { logText } from './log-text.ts'

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
export async function recordSignIn(db: Queryable, use: SignInUse): Promise<void> {
  const { user } = use
  await db
    .insertInto('authenticationLog')
    .values({
      outcome: use.outcome,
      reason: use.reason,
      credentialId: null,
      credentialKind: 'password',
      credentialName: null,
      via: 'sign-in',
      userId: user?.id ?? null,
      userEmail: user?.email ?? null,
      // Asked also where nobody has the address: the time tells nothing.
      organizationId: organizationOfSignIn(user?.id ?? '', use.organization),
      clientId: use.clientId ?? null,
      resourceServer: null,
      ip: use.ip ?? null,
      userAgent: logText(use.userAgent) ?? null,
      method: null,
      path: null,
    })
    .execute()
}

/**
 * To which organization's log a sign-in belongs: the one that the request names (slug or id) or, where it names none, the
 * person's only one. They must be an active member, so that nobody puts entries into a stranger's log.
 */
export function organizationOfSignIn(userId: string, named: string | undefined): RawBuilder<string | null> {
  const asked = named !== undefined && isStorable(named) ? named : null
  return sql<string | null>`(select case when count(*) = 1 then min(o.id) end
    from memberships m join organizations o on o.id = m.organization_id
    where m.user_id = ${userId} and m.deactivated_at is null and o.suspended_at is null
      and (${asked}::text is null or o.slug = ${asked} or o.id = ${asked}))`
}
