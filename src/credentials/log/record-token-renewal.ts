import type { Queryable } from '#foundation/database/database.ts'
import { logText } from '#foundation/values/log-text.ts'

/** A token that was presented to be renewed. Undefined: it is unknown. */
export interface RenewedToken {
  id: string
  kind: string
  userId: string | null
  email: string | null
  organizationId: string | null
  clientId: string | null
}

/** One authentication-log entry for a token that was presented to be renewed, in the transaction that renews it. */
export async function recordTokenRenewal(
  tx: Queryable,
  use: {
    token: RenewedToken | undefined
    /** Null: it was renewed. */
    reason: string | null
    method: string
    ip: string
    userAgent: string | undefined
  },
): Promise<void> {
  const { token, reason } = use
  await tx
    .insertInto('authenticationLog')
    .values({
      outcome: reason === null ? 'accepted' : 'refused',
      reason,
      credentialId: token?.id ?? null,
      credentialKind: token?.kind ?? 'unknown',
      credentialName: null,
      via: 'refresh',
      userId: token?.userId ?? null,
      userEmail: token?.email ?? null,
      organizationId: token?.organizationId ?? null,
      clientId: token?.clientId ?? null,
      resourceServer: null,
      ip: use.ip,
      userAgent: logText(use.userAgent) ?? null,
      method: use.method,
      // Without the token that may stand in it.
      path: '/v1/auth/refresh',
    })
    .execute()
}
