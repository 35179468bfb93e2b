import { restoreApiKey } from '#credentials/issued/api-keys.ts'
import type { Actor } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { ApiKey } from './api-key-queries.ts'
import {
  type ApiKeyParts,
  asItIsNow,
  auditSubject,
  changeApiKey,
  requireMayEmpower,
  requireMembership,
  requireRoom,
} from './manage-api-key.ts'

/**
 * Makes a revoked key work again, the same secret with the same expiry.
 * @throws GatehouseError not_found, permission_denied (an administrator has revoked it), conflict (expired, leaked, its
 *   owner is no member), limit_reached
 */
export function reactivateApiKey({ db }: ApiKeyParts, actor: Actor, id: string): Promise<ApiKey> {
  return changeApiKey(db, actor, id, async ({ tx, key, owner, now }) => {
    requireMayEmpower(actor, key.user)
    if (key.expiresAt <= now) throw new GatehouseError('conflict', 'This key has expired. Make a new one.')
    if (key.status !== 'revoked') return key
    if (key.supersededBy) throw new GatehouseError('conflict', 'This key has been replaced. Use the new one.')
    if (key.revocation === 'leaked') {
      throw new GatehouseError('conflict', 'Somebody has found this key: it stays revoked. Make a new one.')
    }
    if (key.revocation === 'admin' && !actor.isAdmin) {
      throw new GatehouseError(
        'permission_denied',
        'An administrator has revoked this key: only one may re-activate it.',
      )
    }
    const { id: organizationId } = key.organization
    await requireMembership(tx, owner, organizationId)
    await requireRoom(tx, { userId: key.user.id, organizationId }, now)
    await restoreApiKey(tx, { organizationId, id })
    await recordAuditEvent(tx, {
      actor,
      action: 'api_key.reactivated',
      subject: auditSubject(key),
      organizationId,
      before: { status: 'revoked', revocation: key.revocation },
      after: { status: 'active' },
    })
    return asItIsNow(tx, key)
  })
}
