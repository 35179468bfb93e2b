import type { Queryable } from '#foundation/database/database.ts'
import { logText } from '#foundation/values/log-text.ts'
import { recordUse } from './entries-from.ts'

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
  await recordUse(tx, {
    outcome: reason === null ? 'accepted' : 'refused',
    reason,
    credential_id: token?.id ?? null,
    credential_kind: token?.kind ?? 'unknown',
    credential_name: null,
    via: 'refresh',
    user_id: token?.userId ?? null,
    user_email: token?.email ?? null,
    organization_id: token?.organizationId ?? null,
    client_id: token?.clientId ?? null,
    resource_server: null,
    ip: use.ip,
    user_agent: logText(use.userAgent) ?? null,
    method: use.method,
    // Without the token that may stand in it.
    path: '/v1/auth/refresh',
  })
}
