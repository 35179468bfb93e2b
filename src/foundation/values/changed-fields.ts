/** What an edit changes of an object, before and after; undefined where it changes nothing. */
export function changedFields<Fields extends object>(
  current: Fields,
  edit: Partial<Fields>,
): { before: Record<string, unknown>; after: Record<string, unknown> } | undefined {
  const changed = (Object.entries(edit) as [keyof Fields & string, unknown][]).filter(
    ([name, value]) => value !== undefined && value !== current[name],
  )
  if (changed.length === 0) return undefined
  return {
    before: Object.fromEntries(changed.map(([name]) => [name, current[name]])),
    after: Object.fromEntries(changed),
  }
}
