import type { ApiKey } from '#authentication/api-keys/api-key-queries.ts'
import { mayEmpower } from '#authentication/api-keys/manage-api-key.ts'
import type { Actor } from '#directory/users/actor.ts'
import { type Message, message } from '#foundation/messages/message.ts'

/** How a key stands, as a pill says it, and the little that belongs beside it. */
export interface StatusWords {
  text: Message
  tone: 'good' | 'warn' | 'bad' | ''
  note?: Message | undefined
}

/** A key that lives no longer than this is near its end from the start: that is said on its last day only. */
const shortDays = 8
const soonDays = 7
const dayMs = 86_400_000

/** What the pages show of a key, and what they offer to do with it. */
export function rowOf(actor: Actor, key: ApiKey, now = new Date()) {
  const { id, name, description, hint, user, lastUsedAt, administration, createdBy } = key
  const isRevoked = key.status === 'revoked'
  const isLocked = key.revocation === 'leaked' || (key.revocation === 'admin' && !actor.isAdmin)
  return {
    id,
    name,
    description,
    hint,
    user,
    lastUsedAt,
    administration,
    /** Of a key that another person made. */
    madeBy: createdBy && createdBy.id !== user.id ? createdBy.name : undefined,
    status: statusWords(actor, key, now),
    expiresAt: key.expiresAt,
    mayEdit: mayEmpower(actor, user),
    mayRevoke: key.status === 'active',
    mayRotate: key.status === 'active' && key.supersededBy === null && mayEmpower(actor, user),
    mayReactivate:
      isRevoked && !isLocked && key.supersededBy === null && key.expiresAt > now && mayEmpower(actor, user),
  }
}

function statusWords(actor: Actor, key: ApiKey, now: Date): StatusWords {
  if (key.status === 'revoked')
    return { text: message('api-keys.status.revoked'), tone: '', note: revocationNote(actor, key) }
  if (key.status === 'expired') return { text: message('api-keys.status.expired'), tone: '' }
  const days = dayNumber(key.expiresAt) - dayNumber(now)
  if (key.supersededBy) {
    const note = message('api-keys.status.until', { day: key.expiresAt })
    return { text: message('api-keys.status.replaced'), tone: 'warn', note }
  }
  const livesShort = key.expiresAt.getTime() - key.createdAt.getTime() <= shortDays * dayMs
  if (days > (livesShort ? 1 : soonDays)) return { text: message('api-keys.status.active'), tone: 'good' }
  return { text: message('api-keys.status.expires', { days }), tone: 'warn' }
}

/** Its owner knows what they did themselves; an administrator wants to know who did. */
function revocationNote({ isAdmin }: Actor, { revocation, revokedBy }: ApiKey): Message | undefined {
  if (revocation === 'leaked') return message('api-keys.status.found')
  if (isAdmin && revokedBy) return message('api-keys.status.by', { name: revokedBy.name })
  return revocation === 'admin' ? message('api-keys.status.by_admin') : undefined
}

function dayNumber(at: Date): number {
  return Math.floor(at.getTime() / dayMs)
}
