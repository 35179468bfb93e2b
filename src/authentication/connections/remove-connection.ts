import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { describeConnection } from './connection.ts'
import {
  type ConnectionManagement,
  connectionSubject,
  deleteConnections,
  listTeams,
  namesOf,
  requireConnection,
  requireMayManageConnections,
} from './save-connection.ts'

/**
 * Removes a connection and who its upstream subjects are here. The people keep their accounts and memberships, and the
 * sessions that they have; a connection made later under the same name knows none of them.
 * @throws GatehouseError permission_denied, not_found
 */
export async function removeConnection(db: Queryable, management: ConnectionManagement, name: string): Promise<void> {
  requireMayManageConnections(management)
  const { organization, actor } = management
  const organizationId = organization?.id ?? null
  await inTransaction(db, async (tx) => {
    const connection = await requireConnection(tx, organizationId, name, 'locked')
    const teams = await listTeams(tx, organizationId)
    await deleteConnections(tx, connection, [connection.id])
    await recordAuditEvent(tx, {
      actor,
      action: 'connection.deleted',
      subject: connectionSubject(connection),
      organizationId,
      before: {
        ...describeConnection(connection, namesOf(teams)),
        client_secret: connection.clientSecret === null ? 'none' : 'set',
      },
    })
  })
}
