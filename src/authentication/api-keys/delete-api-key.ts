import { deleteApiKeyRow } from '#credentials/revocation/revocation.ts'
import type { Actor } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { type ApiKeyParts, auditSubject, changeApiKey } from './manage-api-key.ts'
import { tellOwner } from './revoke-api-key.ts'

/**
 * Deletes a key for good, which ends it at once. Its name is free again; the authentication log keeps its id and name.
 * @throws GatehouseError not_found
 */
export function deleteApiKey({ db, outbox }: ApiKeyParts, actor: Actor, id: string): Promise<void> {
  return changeApiKey(db, actor, id, async ({ tx, key }) => {
    await deleteApiKeyRow(tx, { organizationId: key.organization.id, id })
    await recordAuditEvent(tx, {
      actor,
      action: 'api_key.deleted',
      subject: auditSubject(key),
      organizationId: key.organization.id,
      before: { id, name: key.name, hint: key.hint, status: key.status },
    })
    // To its owner a live key that an administrator deletes is one that was revoked.
    if (actor.user.id !== key.user.id && key.status === 'active') await tellOwner({ outbox }, tx, key, actor.user.name)
  })
}
