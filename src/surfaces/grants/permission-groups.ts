/** What may be granted of one resource: `configuration-items` of `configuration-items:read`. */
export interface PermissionGroup {
  resource: string
  permissions: GroupedPermission[]
}

export interface GroupedPermission {
  name: string
  /** What comes after the colon. */
  action: string
  description: string
  /** Granted somewhere, and no longer in the catalogue: it can only be taken away. */
  isGone: boolean
}

/**
 * The permissions of the catalogue by resource, sorted.
 * @param granted what else has to be shown: a name or the wildcard of a resource that the catalogue has not
 */
export function groupPermissions(
  catalogue: ReadonlyMap<string, string>,
  granted: readonly string[] = [],
): PermissionGroup[] {
  const gone = granted.filter((name) => !name.endsWith('*') && !catalogue.has(name))
  const all = [...new Set([...catalogue.keys(), ...gone])].sort()
  const groups = new Map<string, GroupedPermission[]>()
  for (const name of all) {
    const colon = name.indexOf(':')
    const permission = {
      name,
      action: name.slice(colon + 1),
      description: catalogue.get(name) ?? '',
      isGone: !catalogue.has(name),
    }
    const resource = name.slice(0, colon)
    groups.set(resource, [...(groups.get(resource) ?? []), permission])
  }
  for (const wildcard of granted.filter((name) => name.endsWith(':*'))) {
    const resource = wildcard.slice(0, -2)
    if (!groups.has(resource)) groups.set(resource, [])
  }
  return [...groups].map(([resource, permissions]) => ({ resource, permissions }))
}
