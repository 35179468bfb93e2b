import { type Administrator, requireAdminOf, requireSuperadmin } from '#directory/users/actor.ts'
import type { AuditSubject } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Client, Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { findManagedClient, type ManagedClient } from './managed-client-queries.ts'

/*
 * Who manages which clients: superadmins every one but Gatehouse's own; an organization's administrators the service
 * accounts of their organization, which are the clients that do nothing but act for themselves.
 */

/** By whom clients are managed, and as whose: an organization's service accounts, or (null) every client. */
export interface ClientManagement {
  actor: Administrator
  organization: Pick<Organization, 'id'> | null
}

/** @throws GatehouseError permission_denied */
export function requireMayManage({ actor, organization }: ClientManagement): void {
  if (organization) requireAdminOf(actor, organization.id)
  else requireSuperadmin(actor)
}

/** @throws GatehouseError not_found, for another organization's and for one that is no service account too */
export async function requireManagedClient(
  db: Queryable,
  organization: ClientManagement['organization'],
  clientId: string,
): Promise<ManagedClient> {
  const client = await findManagedClient(db, organization?.id, clientId)
  if (!client) throw noSuchClient(organization)
  return client
}

/**
 * One change of a client at a time, each as the one before has left it: the client's row is held until the transaction
 * ends.
 * @throws GatehouseError permission_denied, not_found
 */
export function changeClient<T>(
  db: Queryable,
  management: ClientManagement,
  clientId: string,
  change: (tx: Queryable, client: ManagedClient) => Promise<T>,
): Promise<T> {
  requireMayManage(management)
  return inTransaction(db, async (tx) => {
    await tx.selectFrom('clients').select('clientId').where('clientId', '=', clientId).forNoKeyUpdate().execute()
    return change(tx, await requireManagedClient(tx, management.organization, clientId))
  })
}

/** As the audit log calls it. */
export function clientSubject({ clientId }: Pick<Client, 'clientId'>): AuditSubject {
  return { kind: 'client', id: clientId, name: clientId }
}

function noSuchClient(organization: ClientManagement['organization']): GatehouseError {
  return new GatehouseError(
    'not_found',
    organization ? 'There is no such service account in this organization.' : 'There is no such client.',
  )
}
