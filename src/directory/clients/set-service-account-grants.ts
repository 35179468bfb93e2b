import { isDeepStrictEqual } from 'node:util'
import { nanoid } from 'nanoid'
import { requireGrantable } from '#directory/access/catalogue.ts'
import { canonicalGrants, type Grants } from '#directory/access/grants.ts'
import { changeInWords, type GrantManagement, requireAsSeen } from '#directory/access/set-grants.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable, toJson } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'
import type { Client } from '#foundation/database/schema.ts'
import { changeClient, clientSubject } from './managed-client.ts'

/**
 * Replaces what a service account of the organization may do and see; tokens that it has follow at once.
 * @param seen what was granted when the change was decided on, where the change is void by another one meanwhile
 * @returns what is granted now, in its one spelling
 * @throws GatehouseError permission_denied, not_found, validation_failed naming permissions that are not in the catalogue,
 *   precondition_failed
 */
export async function setGrantsOfServiceAccount(
  db: Queryable,
  { organization, actor }: GrantManagement,
  { clientId }: Pick<Client, 'clientId'>,
  grants: Grants,
  seen?: Grants,
): Promise<Grants> {
  if (seen) {
    return inTransaction(db, async (tx) => {
      await lock(tx, 'edit', organization.id)
      return change(tx, { actor, organization }, clientId, { grants, seen })
    })
  }
  return change(db, { actor, organization }, clientId, { grants, seen })
}

function change(
  db: Queryable,
  { organization, actor }: GrantManagement,
  clientId: string,
  { grants, seen }: { grants: Grants; seen: Grants | undefined },
): Promise<Grants> {
  return changeClient(db, { actor, organization }, clientId, async (tx, client) => {
    const after = await requireGrantable(tx, grants)
    const before = canonicalGrants(client)
    requireAsSeen(before, seen)
    if (isDeepStrictEqual(before, after)) return after
    await tx
      .updateTable('clients')
      // Another revision: where the client is remembered, what its tokens may name is looked up again.
      .set({ permissions: toJson(after.permissions), dataScopes: toJson(after.dataScopes), revision: nanoid() })
      .where('organizationId', '=', organization.id)
      .where('clientId', '=', clientId)
      .execute()
    await recordAuditEvent(tx, {
      actor,
      action: 'client.updated',
      subject: clientSubject(client),
      organizationId: organization.id,
      ...changeInWords(before, after),
    })
    return after
  })
}
