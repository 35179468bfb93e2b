import { sql } from 'kysely'
import { endLinksOfUser } from '#authentication/mail-links/mail-link.ts'
import { endOtherSessions, revokeApiKeysOfUser } from '#credentials/revocation/revocation.ts'
import { setPasswordHash } from '#directory/users/save-user.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { domainOf } from './vouching.ts'

/**
 * Ends every way into an account that was made before its address was proven: somebody may have registered the address
 * of another, with a password or through a provider of their own, and waited for its owner to arrive. With the password
 * go sessions, grants, API keys and mailed links.
 * @param keepIdentityId the identity by which the owner arrives, once it is linked
 */
export async function voidUnprovenCredentials(
  tx: Queryable,
  user: Pick<User, 'id' | 'email' | 'passwordHash'>,
  { keepIdentityId }: { keepIdentityId: string | undefined },
): Promise<void> {
  const removed = await removeUnprovenIdentities(tx, user, keepIdentityId)
  if (user.passwordHash === null && removed === 0) return
  await setPasswordHash(tx, user.id, null)
  await endOtherSessions(tx, user.id, undefined)
  await endLinksOfUser(tx, user.id)
  await revokeApiKeysOfUser(tx, user.id)
  await recordAuditEvent(tx, {
    actor: user.id,
    action: 'user.unproven_credentials_voided',
    subject: `user ${user.email}`,
    before: { password: user.passwordHash !== null, identities: removed },
  })
}

/**
 * Removes the identities of a person whose address nobody had proven yet. Those of the organization that owns the
 * address's domain stay: whose the address is, that organization says anyway.
 * @returns how many went
 */
export async function removeUnprovenIdentities(
  tx: Queryable,
  user: Pick<User, 'id' | 'email'>,
  keepIdentityId: string | undefined,
): Promise<number> {
  const { rows } = await sql`
    delete from identities i using connections c
    where i.user_id = ${user.id} and i.id is distinct from ${keepIdentityId ?? null} and c.id = i.connection_id
      and not exists (
        select from organization_domains d
        where d.organization_id = c.organization_id and d.domain = ${domainOf(user.email)} and d.verified_at is not null)
    returning i.id`.execute(tx)
  return rows.length
}
