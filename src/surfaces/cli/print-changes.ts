import type { Change, Fields } from '#authentication/setup/changes.ts'

const signs = { create: '+', update: '~', delete: '-' } as const

/** One line for each change, as in `~ update team acme/readers  permissions: [] → [reports:read]`. */
export function printChanges(changes: readonly Change[]): void {
  if (changes.length === 0) console.log('No changes.')
  for (const change of changes) console.log(describeChange(change))
}

export function describeChange({ action, subject, before, after }: Change): string {
  const line = `${signs[action]} ${action} ${subject}`
  return action === 'update' && before && after ? `${line}  ${describeDifference(before, after)}` : line
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
