import type { ApiKey } from '#authentication/api-keys/api-key-queries.ts'
import { mayEmpower } from '#authentication/api-keys/manage-api-key.ts'
import type { Actor } from '#directory/users/actor.ts'
import { dayOf } from '#foundation/values/time-ago.ts'

/** How a key stands, as a pill says it, and the little that belongs beside it. */
export interface StatusWords {
  text: string
  tone: 'good' | 'warn' | 'bad' | ''
  note?: string
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
    expires: dayOf(key.expiresAt),
    mayEdit: mayEmpower(actor, user),
    mayRevoke: key.status === 'active',
    mayRotate: key.status === 'active' && key.supersededBy === null && mayEmpower(actor, user),
    mayReactivate:
      isRevoked && !isLocked && key.supersededBy === null && key.expiresAt > now && mayEmpower(actor, user),
  }
}

function statusWords(actor: Actor, key: ApiKey, now: Date): StatusWords {
  if (key.status === 'revoked') return { text: 'Revoked', tone: '', note: revocationNote(actor, key) }
  if (key.status === 'expired') return { text: 'Expired', tone: '' }
  const days = dayNumber(key.expiresAt) - dayNumber(now)
  if (key.supersededBy) return { text: 'Replaced', tone: 'warn', note: `works until ${dayOf(key.expiresAt).text}` }
  const livesShort = key.expiresAt.getTime() - key.createdAt.getTime() <= shortDays * dayMs
  if (days > (livesShort ? 1 : soonDays)) return { text: 'Active', tone: 'good' }
  const when = ['today', 'tomorrow'][days] ?? `in ${days} days`
  return { text: `Expires ${when}`, tone: 'warn' }
}

/** Its owner knows what they did themselves; an administrator wants to know who did. */
function revocationNote({ isAdmin }: Actor, { revocation, revokedBy }: ApiKey): string | undefined {
  if (revocation === 'leaked') return 'somebody found it in public'
  if (isAdmin && revokedBy) return `by ${revokedBy.name}`
  return revocation === 'admin' ? 'by an administrator' : undefined
}

function dayNumber(at: Date): number {
  return Math.floor(at.getTime() / dayMs)
}
