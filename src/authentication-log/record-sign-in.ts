import type { Queryable } from '../database/database.ts'
import type { User } from '../database/schema.ts'

export interface SignInUse {
  outcome: 'accepted' | 'refused'
  reason: 'wrong_password' | 'unknown' | 'user_deactivated' | 'limited' | null
  user: User | undefined
  clientId: string | undefined
  ip: string | undefined
  userAgent: string | undefined
}

/** One authentication-log entry for a password that was presented. It never says which address was tried in vain. */
export async function recordSignIn(db: Queryable, use: SignInUse): Promise<void> {
  await db
    .insertInto('authenticationLog')
    .values({
      outcome: use.outcome,
      reason: use.reason,
      credentialId: null,
      credentialKind: 'password',
      credentialName: null,
      via: 'sign-in',
      userId: use.user?.id ?? null,
      userEmail: use.user?.email ?? null,
      organizationId: null,
      clientId: use.clientId ?? null,
      resourceServer: null,
      ip: use.ip ?? null,
      userAgent: use.userAgent ?? null,
      method: null,
      path: null,
    })
    .execute()
}
