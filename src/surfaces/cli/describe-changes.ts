import { callbackUrl } from '#authentication/connections/connection.ts'
import type { Change, Fields, PlannedCallback, SetupOutcome } from '#authentication/setup/changes.ts'
import { describeProblem } from '#authentication/setup/setup-error.ts'
import type { Answer } from './command.ts'

const signs = { create: '+', adopt: '!', update: '~', delete: '-' } as const

/**
 * One line for each change, as in `~ update team acme/readers  permissions: [] → [reports:read]`, and one for each thing
 * that stays as it is although the file says otherwise; then where each connection's provider sends people back to.
 */
export function answerOf({ changes, notices, callbacks }: SetupOutcome, issuer: string): Answer {
  const lines = [
    ...(changes.length === 0 ? ['No changes.'] : changes.map(describeChange)),
    ...notices.map((notice) => `= ${describeProblem(notice)}`),
    ...callbacks.map((callback) => `@ ${callback.subject}  callback_url: ${addressOf(callback, issuer)}`),
  ]
  const urls = callbacks.map((callback) => ({ subject: callback.subject, callback_url: addressOf(callback, issuer) }))
  return { lines, json: { changes, notices, callbacks: urls } }
}

export function describeChange({ action, subject, before, after }: Change): string {
  const line = `${signs[action]} ${action} ${subject}`
  const hasDifference = (action === 'update' || action === 'adopt') && before && after && Object.keys(after).length > 0
  return hasDifference ? `${line}  ${describeDifference(before, after)}` : line
}

/** `{id}` where the name is another owner's already, and the id is not known before the connection is made. */
function addressOf({ handle }: PlannedCallback, issuer: string): string {
  return callbackUrl(issuer, { handle: handle ?? '{id}' })
}

function describeDifference(before: Fields, after: Fields): string {
  return Object.keys(after)
    .map((name) => `${name}: ${describeValue(before[name])} → ${describeValue(after[name])}`)
    .join('; ')
}

/** Short YAML. Whatever could move a terminal's cursor is escaped. */
function describeValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(describeValue).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([name, member]) => `${name}: ${describeValue(member)}`)
    return `{ ${members.join(', ')} }`
  }
  if (typeof value === 'string' && /^[\w.:/@*#-]+$/.test(value)) return value
  return JSON.stringify(value ?? null)
}
