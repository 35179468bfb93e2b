import { sql } from 'kysely'
import type { CredentialReference } from '#credentials/resolve/credential.ts'
import { revokeApiKeyRow } from '#credentials/revocation/revocation.ts'
import type { SystemActor } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { findApiKey } from './api-key-queries.ts'
import { type ApiKeyParts, auditSubject, lockOwner } from './manage-api-key.ts'

const leakReport: SystemActor = { system: 'leak_report' }

/**
 * Ends the key that a finder presents: holding it is the proof. It stays revoked for good, and its owner is
 * told. Of anything else nothing is said: a report tells as little as a guess.
 */
export async function reportLeakedApiKey({ db, outbox }: ApiKeyParts, presented: CredentialReference): Promise<void> {
  await inTransaction(db, async (tx) => {
    const found = await findByReference(tx, presented)
    if (!found) return
    await lockOwner(tx, found.userId)
    const key = await findApiKey(tx, found, found.id)
    if (!key || key.revocation === 'leaked') return
    await revokeApiKeyRow(tx, found, { revocation: 'leaked', revokedBy: null })
    await recordAuditEvent(tx, {
      actor: leakReport,
      action: 'api_key.revoked',
      subject: auditSubject(key),
      organizationId: key.organization.id,
      before: { status: key.status },
      after: { status: 'revoked', revocation: 'leaked' },
    })
    await outbox.enqueueMail(tx, {
      to: key.user.email,
      template: 'api-key-leaked',
      locals: { keyName: key.name, keyHint: key.hint, organizationName: key.organization.name },
      organizationId: key.organization.id,
    })
  })
}

async function findByReference(tx: Queryable, { hash, format }: CredentialReference) {
  const row = await tx
    .selectFrom('credentials')
    .select(['id', 'userId', 'organizationId'])
    .where('hash', '=', sql<Buffer>`decode(${hash}, 'base64')`)
    .where('format', '=', format)
    .where('kind', '=', 'api_key')
    .executeTakeFirst()
  if (!row?.userId || !row.organizationId) return undefined
  return { id: row.id, userId: row.userId, organizationId: row.organizationId }
}
