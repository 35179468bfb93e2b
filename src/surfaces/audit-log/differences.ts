import type { AuditEntry } from './audit-entry.ts'

/** One field of what was changed, as texts; null: there was none. */
export interface Difference {
  field: string
  before: string | null
  after: string | null
}

/** Field by field, what a change made of what: of two lists only what was added and taken away. */
export function differences({ before, after }: Pick<AuditEntry, 'before' | 'after'>): Difference[] {
  const fields = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])]
  return fields.map((field) => {
    const [was, is] = [before?.[field], after?.[field]]
    if (!Array.isArray(was) || !Array.isArray(is)) return { field, before: textOf(was), after: textOf(is) }
    const [old, now] = [was, is].map((list) => list.map(itemText)) as [string[], string[]]
    return {
      field,
      before: old.filter((item) => !now.includes(item)).join(', ') || null,
      after: now.filter((item) => !old.includes(item)).join(', ') || null,
    }
  })
}

function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null
  return Array.isArray(value) ? value.map(itemText).join(', ') || null : itemText(value)
}

function itemText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
