import { type Actor, requireAdmin } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { updateOrganization } from './save-organization.ts'

/**
 * Says whether the organization's API keys are accepted in a URL's query. It holds from the next request on.
 * @throws GatehouseError permission_denied
 */
export async function allowKeysInQuery(db: Queryable, actor: Actor, allowsKeysInQuery: boolean): Promise<void> {
  requireAdmin(actor)
  await inTransaction(db, async (tx) => {
    const organization = await tx
      .selectFrom('organizations')
      .select(['slug', 'allowsKeysInQuery'])
      .where('id', '=', actor.organizationId)
      .forNoKeyUpdate()
      .executeTakeFirstOrThrow()
    if (organization.allowsKeysInQuery === allowsKeysInQuery) return
    await updateOrganization(tx, actor.organizationId, { allowsKeysInQuery })
    await recordAuditEvent(tx, {
      actor,
      action: 'organization.updated',
      subject: { kind: 'organization', id: actor.organizationId, name: organization.slug },
      organizationId: actor.organizationId,
      before: { allows_keys_in_query: organization.allowsKeysInQuery },
      after: { allows_keys_in_query: allowsKeysInQuery },
    })
  })
}
