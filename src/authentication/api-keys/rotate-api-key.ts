import { insertApiKey, supersedeApiKey } from '#credentials/issued/api-keys.ts'
import type { Actor } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { type ApiKey, findApiKey } from './api-key-queries.ts'
import { type CreateApiKeyParts, makeSecret, recordCreation, requireAdministrator } from './create-api-key.ts'
import { auditSubject, changeApiKey, requireMayEmpower, requireMembership, requireRoom } from './manage-api-key.ts'

/** Both keys work at most for seven days side by side. */
export const longestOverlapSeconds = 7 * 86_400

/**
 * Replaces a key by one of the same name, owner, format and restrictions, which lives as long as the old one was to. The
 * old one works on for the overlap, never beyond its own end; meanwhile both count as live.
 * @throws GatehouseError not_found, permission_denied, conflict (not live, replaced already, its owner is no member),
 *   limit_reached, validation_failed (its owner administers no more)
 */
export function rotateApiKey(
  parts: CreateApiKeyParts,
  actor: Actor,
  id: string,
  { overlapSeconds }: { overlapSeconds: number },
): Promise<{ key: string; apiKey: ApiKey }> {
  return changeApiKey(parts.db, actor, id, async ({ tx, key: old, owner, now }) => {
    requireMayEmpower(actor, old.user)
    requireRotatable(old)
    const organizationId = old.organization.id
    await requireMembership(tx, owner, organizationId)
    if (old.administration) await requireAdministrator(tx, owner, organizationId)
    const { name, description, format, permissions, dataScopes, administration } = old
    const expiresAt = new Date(now.getTime() + old.expiresAt.getTime() - old.createdAt.getTime())
    const { key, ...stored } = await makeSecret(parts, tx, { owner, organizationId, now, expiresAt, format })
    const end = new Date(Math.min(old.expiresAt.getTime(), now.getTime() + overlapSeconds * 1000))
    await supersedeApiKey(tx, { organizationId, id }, { id: stored.id, expiresAt: end })
    await requireRoom(tx, { userId: owner.id, organizationId }, now)
    await insertApiKey(tx, {
      ...stored,
      name,
      description,
      format,
      permissions,
      dataScopes,
      administration,
      userId: owner.id,
      organizationId,
      issuedAt: now,
      expiresAt,
      createdBy: actor.user.id,
    })
    const apiKey = await findApiKey(tx, { organizationId, userId: owner.id }, stored.id)
    if (!apiKey) throw new Error('the key that was just made is missing')
    await recordAuditEvent(tx, {
      actor,
      action: 'api_key.rotated',
      subject: auditSubject(old),
      organizationId,
      before: { id, expires_at: old.expiresAt },
      after: { id, expires_at: end, superseded_by: stored.id },
    })
    await recordCreation(tx, parts, actor, apiKey)
    return { key, apiKey }
  })
}

function requireRotatable({ status, supersededBy }: ApiKey): void {
  if (status !== 'active') throw new GatehouseError('conflict', 'This key works no more. Make a new one.')
  if (supersededBy) throw new GatehouseError('conflict', 'This key has been replaced already.')
}
