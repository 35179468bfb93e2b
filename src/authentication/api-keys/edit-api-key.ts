import { updateApiKey } from '#credentials/issued/api-keys.ts'
import type { Actor } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { violates } from '#foundation/database/constraint.ts'
import { toJson } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { type ApiKeyEdit, expiryOf } from './api-key-input.ts'
import type { ApiKey } from './api-key-queries.ts'
import {
  type ApiKeyChange,
  type ApiKeyParts,
  asItIsNow,
  auditSubject,
  changeApiKey,
  nameTaken,
  requireMayEmpower,
} from './manage-api-key.ts'

/**
 * Changes name, description or expiry; only what is given is changed. What a key may do, whose it is and the key itself
 * never change. An expired key stays expired.
 * @throws GatehouseError not_found, permission_denied, conflict (name, expired), validation_failed (expiry)
 */
export function editApiKey({ db }: ApiKeyParts, actor: Actor, id: string, edit: ApiKeyEdit): Promise<ApiKey> {
  return changeApiKey(db, actor, id, async (change) => {
    const { tx, key } = change
    requireMayEmpower(actor, key.user)
    const after = {
      name: edit.name ?? key.name,
      description: edit.description ?? key.description,
      expiresAt: expiryAfter(change, edit),
    }
    const changed = fields.filter((field) => toJson(after[field]) !== toJson(key[field]))
    if (changed.length === 0) return key
    const edited = Object.fromEntries(changed.map((field) => [field, after[field]]))
    try {
      await updateApiKey(tx, { organizationId: key.organization.id, id }, edited)
    } catch (error) {
      if (violates(error, 'api_keys_name_unique')) throw nameTaken()
      throw error
    }
    await recordAuditEvent(tx, {
      actor,
      action: 'api_key.updated',
      subject: auditSubject(key),
      organizationId: key.organization.id,
      before: Object.fromEntries(changed.map((field) => [field, key[field]])),
      after: edited,
    })
    return asItIsNow(tx, key)
  })
}

const fields = ['name', 'description', 'expiresAt'] as const

function expiryAfter({ key, now }: ApiKeyChange, edit: ApiKeyEdit): Date {
  if (edit.expires_at === undefined && edit.expires_in_days === undefined) return key.expiresAt
  if (key.expiresAt <= now) {
    throw new GatehouseError('conflict', 'An expired key stays expired. Make a new one.')
  }
  if (key.supersededBy) throw new GatehouseError('conflict', 'This key has been replaced: it ends as was said then.')
  const expiry = expiryOf(edit, { now, createdAt: key.createdAt })
  if (expiry.outcome === 'set') return expiry.expiresAt
  const { path, message } = expiry
  throw new GatehouseError('validation_failed', `The expiration ${message}.`, { fields: [{ path, message }] })
}
