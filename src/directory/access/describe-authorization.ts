import type { DataScope } from '#foundation/values/data-scope.ts'
import type { Origin } from './authorization-origins.ts'

/** A permission in words. @param descriptions of the catalogue, by name */
export function describePermission(permission: string, descriptions: ReadonlyMap<string, string>): string {
  if (permission === '*') return 'Everything in the organization'
  const resource = /^(.*):\*$/.exec(permission)?.[1]
  return resource ? `Everything with ${resource}` : descriptions.get(permission) || permission
}

/** `All of kubernetes`, `kubernetes: prod-cluster`, `Everything`. */
export function describeDataScope({ source, scope_id }: DataScope): string {
  if (source === null) return 'Everything'
  return scope_id === null ? `All of ${source}` : `${source}: ${scope_id}`
}

/** A name for where something comes from, and which kind of place that is. */
export function describeOrigin(origin: Origin): { kind: 'direct' | 'team' | 'superadmin'; label: string } {
  if (origin === 'direct') return { kind: 'direct', label: 'direct' }
  if (origin === 'superadmin') return { kind: 'superadmin', label: 'superadmin' }
  return { kind: 'team', label: origin.team.name }
}
