import { message, type Text } from '#foundation/messages/message.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'
import type { Origin } from './authorization-origins.ts'

/** A permission in words. @param descriptions of the catalogue, by name */
export function describePermission(permission: string, descriptions: ReadonlyMap<string, string>): Text {
  if (permission === '*') return message('access.everything_in_organization')
  const resource = /^(.*):\*$/.exec(permission)?.[1]
  return resource ? message('access.everything_with', { resource }) : descriptions.get(permission) || permission
}

/** `All of kubernetes`, `kubernetes: prod-cluster`, `Everything`. */
export function describeDataScope({ source, scope_id }: DataScope): Text {
  if (source === null) return message('access.everything')
  return scope_id === null ? message('access.all_of', { source }) : `${source}: ${scope_id}`
}

/** A name for where something comes from, and which kind of place that is. */
export function describeOrigin(origin: Origin): { kind: 'direct' | 'team' | 'superadmin'; label: Text } {
  if (origin === 'direct') return { kind: 'direct', label: message('access.direct') }
  if (origin === 'superadmin') return { kind: 'superadmin', label: message('access.superadmin') }
  return { kind: 'team', label: origin.team.name }
}
