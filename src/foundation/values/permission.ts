/** `resource:action`, as in `configuration-items:read`. Either part may be the wildcard of its place. */
const form = /^(\*|[a-z0-9][a-z0-9._-]*:(\*|[a-z0-9][a-z0-9._-]*))$/

/** Whether `value` has the form of a permission, `resource:*` and `*` included. */
export function isPermission(value: string): boolean {
  return form.test(value)
}

/** Whether holding `granted` answers for `wanted`: itself, `resource:*`, or `*` (everything in the organization). */
export function covers(granted: string, wanted: string): boolean {
  if (granted === '*' || granted === wanted) return true
  return granted.endsWith(':*') && wanted.startsWith(granted.slice(0, -1))
}

/** Sorted, without duplicates. A permission that a wildcard covers stays: a resource server may look for its name. */
export function unionOfPermissions(lists: Iterable<readonly string[]>): string[] {
  return [...new Set([...lists].flat())].sort()
}

/** What both sides allow: narrowing, never widening. Sorted. */
export function intersectPermissions(granted: readonly string[], allowed: readonly string[]): string[] {
  return unionOfPermissions([
    allowed.filter((one) => granted.some((other) => covers(other, one))),
    granted.filter((one) => allowed.some((other) => covers(other, one))),
  ])
}

/** A scope without the permissions that none of `granted` covers. What is no permission stays. */
export function scopeWithin(scope: string, granted: readonly string[]): string {
  return scope
    .split(' ')
    .filter((one) => !isPermission(one) || granted.some((other) => covers(other, one)))
    .join(' ')
}
