import { endLinksOfUser } from '#authentication/mail-links/mail-link.ts'
import { endOtherSessions, revokeApiKeysOfUser } from '#credentials/revocation/revocation.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { setPasswordHash } from '#directory/users/save-user.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { removeIdentitiesOfUser } from './identity-queries.ts'

/**
 * Ends every way into an account whose address was never proven, when its mailbox is proven by a person who has not
 * proven the account: another may have taken the address and waited for its owner to arrive. Password, identities, API
 * keys, sessions with their grants, and mailed links go. The organization that owns the address's domain links its own
 * people again when they come.
 * @param keepIdentityId the identity by which the owner arrives, once it is linked
 */
export async function voidUnprovenCredentials(
  tx: Queryable,
  user: Pick<User, 'id' | 'email' | 'passwordHash'>,
  { keepIdentityId }: { keepIdentityId?: string } = {},
): Promise<void> {
  const identities = await removeIdentitiesOfUser(tx, user.id, keepIdentityId)
  const apiKeys = await revokeApiKeysOfUser(tx, user.id)
  await setPasswordHash(tx, user.id, null)
  await endOtherSessions(tx, user.id, undefined)
  await endLinksOfUser(tx, user.id)
  await recordAuditEvent(tx, {
    actor: { user },
    action: 'user.unproven_credentials_voided',
    subject: userSubject(user),
    before: { password: user.passwordHash !== null, identities, api_keys: apiKeys },
  })
}
