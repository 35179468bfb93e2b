import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { contentOf, describeClient } from './client-content.ts'
import { type ClientManagement, changeClient, clientSubject } from './managed-client.ts'

/**
 * Deletes a client, and with its row those of all that was issued to it: grants, tokens, secrets. Another client of the
 * same id, some day, finds nothing of it.
 * @throws GatehouseError permission_denied, not_found
 */
export function deleteClient(db: Queryable, management: ClientManagement, clientId: string): Promise<void> {
  return changeClient(db, management, clientId, async (tx, client) => {
    await tx.deleteFrom('clients').where('clientId', '=', clientId).execute()
    await recordAuditEvent(tx, {
      actor: management.actor,
      action: 'client.deleted',
      subject: clientSubject(client),
      organizationId: client.organizationId,
      before: describeClient(contentOf(client), client.organization?.slug ?? null),
    })
  })
}
