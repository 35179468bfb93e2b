/**
 * Which rows a credential may see. A null part means all: `{kubernetes, null}` is all of kubernetes, `{null, null}` is
 * everything. No scope at all sees nothing.
 */
export interface DataScope {
  source: string | null
  scope_id: string | null
}

export const everything: DataScope = { source: null, scope_id: null }

/** `{null, x}` would name one scope of every source and is refused. */
export function isDataScope(scope: DataScope): boolean {
  return scope.source !== null || scope.scope_id === null
}

/** Whether `granted` includes `wanted`. */
export function coversScope(granted: DataScope, wanted: DataScope): boolean {
  if (granted.source === null) return true
  return granted.source === wanted.source && (granted.scope_id === null || granted.scope_id === wanted.scope_id)
}

/** Sorted, without duplicates and without what a wider scope covers; keys in one order, so equal lists are equal text. */
export function unionOfDataScopes(lists: Iterable<readonly DataScope[]>): DataScope[] {
  const distinct = new Map<string, DataScope>()
  for (const { source, scope_id } of [...lists].flat()) {
    distinct.set(JSON.stringify([source, scope_id]), { source, scope_id })
  }
  const all = [...distinct.values()]
  const whole = new Set(all.filter(({ scope_id }) => scope_id === null).map(({ source }) => source))
  if (whole.has(null)) return [{ ...everything }]
  return all.filter(({ source, scope_id }) => scope_id === null || !whole.has(source)).sort(bySourceThenId)
}

/** What both sides allow: narrowing, never widening. Sorted. */
export function intersectDataScopes(granted: readonly DataScope[], allowed: readonly DataScope[]): DataScope[] {
  return unionOfDataScopes([
    allowed.filter((one) => granted.some((other) => coversScope(other, one))),
    granted.filter((one) => allowed.some((other) => coversScope(other, one))),
  ])
}

function bySourceThenId(one: DataScope, other: DataScope): number {
  return compare(one.source, other.source) || compare(one.scope_id, other.scope_id)
}

/** Code-unit order, null first: the same on every machine, whatever its locale. */
function compare(one: string | null, other: string | null): number {
  if (one === other) return 0
  if (one === null) return -1
  if (other === null) return 1
  return one < other ? -1 : 1
}
