import { revokeGrantsToClient } from '#credentials/revocation/revocation.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, isStorable, type Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Actor } from './actor.ts'

/**
 * Takes back what the actor has allowed a client: its tokens end at once, and it asks for consent anew.
 * @throws GatehouseError not_found for a client that they allow nothing
 */
export async function disallowApplication(db: Queryable, actor: Actor, clientId: string): Promise<void> {
  const { user } = actor
  await inTransaction(db, async (tx) => {
    if (!isStorable(clientId) || !(await revokeGrantsToClient(tx, { userId: user.id, clientId }))) {
      throw new GatehouseError('not_found', 'You allow no such application anything.')
    }
    await recordAuditEvent(tx, {
      actor,
      action: 'application.disallowed',
      subject: { kind: 'client', id: clientId, name: clientId },
    })
  })
}
