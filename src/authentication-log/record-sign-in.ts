import { sql } from 'kysely'
import { logText } from '../credentials/resolve-credentials.ts'
import { isStorable, type Queryable } from '../database/database.ts'
import type { User } from '../database/schema.ts'

export interface SignInUse {
  outcome: 'accepted' | 'refused'
  reason: string | null
  /** What was presented; by itself a password. */
  credential?: { kind: 'password' } | { kind: 'identity'; id: string | null; name: string }
  user: User | undefined
  /** Slug or id of the organization that the request names. */
  organization: string | undefined
  clientId: string | undefined
  ip: string | undefined
  userAgent: string | undefined
}

/**
 * One authentication-log entry for a password that was presented, or somebody whom another identity provider sent. It
 * never says which address was tried in vain. It belongs to the organization that the request names or, where it names
 * none, to the only one of the person's: if they are an active member, so that nobody puts entries into a stranger's log.
 */
export async function recordSignIn(db: Queryable, use: SignInUse): Promise<void> {
  const { user, credential = { kind: 'password' } } = use
  const asked = use.organization !== undefined && isStorable(use.organization) ? use.organization : null
  await db
    .insertInto('authenticationLog')
    .values({
      outcome: use.outcome,
      reason: use.reason,
      credentialId: credential.kind === 'identity' ? credential.id : null,
      credentialKind: credential.kind,
      credentialName: credential.kind === 'identity' ? credential.name : null,
      via: 'sign-in',
      userId: user?.id ?? null,
      userEmail: user?.email ?? null,
      // Asked also where nobody has the address: the time tells nothing.
      organizationId: sql<string | null>`(select case when count(*) = 1 then min(o.id) end
        from memberships m join organizations o on o.id = m.organization_id
        where m.user_id = ${user?.id ?? ''} and m.deactivated_at is null and o.suspended_at is null
          and (${asked}::text is null or o.slug = ${asked} or o.id = ${asked}))`,
      clientId: use.clientId ?? null,
      resourceServer: null,
      ip: use.ip ?? null,
      userAgent: logText(use.userAgent) ?? null,
      method: null,
      path: null,
    })
    .execute()
}
