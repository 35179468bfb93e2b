import { isDeepStrictEqual } from 'node:util'
import { nanoid } from 'nanoid'
import { requireGrantable } from '#directory/access/catalogue.ts'
import { canonicalGrants, type Grants } from '#directory/access/grants.ts'
import { changeInWords, type GrantManagement } from '#directory/access/set-grants.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { type Queryable, toJson } from '#foundation/database/database.ts'
import type { Client } from '#foundation/database/schema.ts'
import { changeClient, clientSubject } from './managed-client.ts'

/**
 * Replaces what a service account of the organization may do and see; tokens that it has follow at once.
 * @returns what is granted now, in its one spelling
 * @throws GatehouseError permission_denied, not_found, validation_failed naming permissions that are not in the catalogue
 */
export function setGrantsOfServiceAccount(
  db: Queryable,
  { organization, actor }: GrantManagement,
  { clientId }: Pick<Client, 'clientId'>,
  grants: Grants,
): Promise<Grants> {
  return changeClient(db, { actor, organization }, clientId, async (tx, client) => {
    const after = await requireGrantable(tx, grants)
    const before = canonicalGrants(client)
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
