import { revokeApiKeyRow } from '#credentials/revocation/revocation.ts'
import { personIdOf, shownNameOf } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { ApiKey } from './api-key-queries.ts'
import {
  type ApiKeyParts,
  asItIsNow,
  auditSubject,
  changeApiKey,
  isAnothers,
  type KeyManager,
} from './manage-api-key.ts'

/**
 * Ends a key at once: no question that arrives after this has returned is answered with it, on any node. Revoking it
 * again changes nothing, except that what its owner revoked an administrator may lock.
 * @throws GatehouseError not_found
 */
export function revokeApiKey({ db, outbox }: ApiKeyParts, actor: KeyManager, id: string): Promise<ApiKey> {
  return changeApiKey(db, actor, id, async ({ tx, key }) => {
    const revocation = isAnothers(actor, key.user) ? 'admin' : 'owner'
    if (key.status === 'revoked' && !(revocation === 'admin' && key.revocation === 'owner')) return key
    await revokeApiKeyRow(tx, { organizationId: key.organization.id, id }, { revocation, revokedBy: personIdOf(actor) })
    await recordAuditEvent(tx, {
      actor,
      action: 'api_key.revoked',
      subject: auditSubject(key),
      organizationId: key.organization.id,
      before: { status: key.status },
      after: { status: 'revoked', revocation },
    })
    if (revocation === 'admin' && key.status !== 'revoked') await tellOwner({ outbox }, tx, key, shownNameOf(actor))
    return asItIsNow(tx, key)
  })
}

/** Tells a key's owner that another person has ended it. @param revokedBy a name */
export function tellOwner(
  { outbox }: Pick<ApiKeyParts, 'outbox'>,
  tx: Queryable,
  key: ApiKey,
  revokedBy: string,
): Promise<void> {
  return outbox.enqueueMail(tx, {
    to: key.user.email,
    template: 'api-key-revoked',
    locals: { keyName: key.name, keyHint: key.hint, organizationName: key.organization.name, revokedBy },
    organizationId: key.organization.id,
  })
}
