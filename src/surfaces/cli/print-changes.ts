import { callbackUrl } from '#authentication/connections/connection.ts'
import type { Change, Fields, PlannedCallback, SetupOutcome } from '#authentication/setup/changes.ts'
import { describeProblem } from '#authentication/setup/setup-error.ts'

const signs = { create: '+', adopt: '!', update: '~', delete: '-' } as const

/**
 * One line for each change, as in `~ update team acme/readers  permissions: [] → [reports:read]`, and one for each thing
 * that stays as it is although the file says otherwise; then where each connection's provider sends people back to.
 */
export function printOutcome({ changes, notices, callbacks }: SetupOutcome, issuer: string): void {
  if (changes.length === 0) console.log('No changes.')
  for (const change of changes) console.log(describeChange(change))
  for (const notice of notices) console.log(`= ${describeProblem(notice)}`)
  for (const callback of callbacks) console.log(describeCallback(callback, issuer))
}

export function describeChange({ action, subject, before, after }: Change): string {
  const line = `${signs[action]} ${action} ${subject}`
  const hasDifference = (action === 'update' || action === 'adopt') && before && after && Object.keys(after).length > 0
  return hasDifference ? `${line}  ${describeDifference(before, after)}` : line
}

/** `{id}` where the name is another owner's already, and the id is not known before the connection is made. */
function describeCallback({ subject, handle }: PlannedCallback, issuer: string): string {
  return `@ ${subject}  callback_url: ${callbackUrl(issuer, { handle: handle ?? '{id}' })}`
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
