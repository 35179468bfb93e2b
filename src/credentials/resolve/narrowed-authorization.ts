import { type DataScope, intersectDataScopes } from '#foundation/values/data-scope.ts'
import { intersectPermissions, isPermission, scopeWithin } from '#foundation/values/permission.ts'
import type { LiveCredential } from './resolution.ts'

/** What a credential may do and see now, as JSON text: its owner's, narrowed and never widened. */
export interface NarrowedAuthorization {
  permissions: string
  dataScopes: string
  /** False for a superadmin's narrowed credential: a server that trusts the flag would widen it again. */
  superadmin: boolean
}

/**
 * Two things narrow: a key's own restriction, and the scope granted to a client that is not first-party. Where neither
 * applies the stored text is passed on unparsed.
 */
export function narrowedAuthorization(credential: LiveCredential): NarrowedAuthorization {
  const { permissions, dataScopes, superadmin, ownPermissions, ownDataScopes } = credential
  const scoped = narrowedByScope(credential)
  if (!scoped && ownPermissions === null && ownDataScopes === null) {
    return { permissions, dataScopes, superadmin }
  }

  let allowed = JSON.parse(permissions) as string[]
  if (scoped) allowed = intersectPermissions(allowed, credential.scope.split(' ').filter(isPermission))
  if (ownPermissions !== null) allowed = intersectPermissions(allowed, JSON.parse(ownPermissions) as string[])
  let visible = JSON.parse(dataScopes) as DataScope[]
  if (ownDataScopes !== null) visible = intersectDataScopes(visible, JSON.parse(ownDataScopes) as DataScope[])
  return { permissions: JSON.stringify(allowed), dataScopes: JSON.stringify(visible), superadmin: false }
}

/** A service account acts for itself: what it was granted is its own, unless it asked for less. */
function narrowedByScope({ kind, firstParty, userId, scope }: LiveCredential): boolean {
  if (kind === 'api_key' || firstParty) return false
  return userId !== null || scope !== ''
}

/**
 * The scope that a token has now: of the permissions that it names, those that its holder may use at this moment, so that
 * a resource server which reads only `scope` is right. @param permissions JSON text
 */
export function liveScope(scope: string, permissions: string): string {
  return scope.includes(':') ? scopeWithin(scope, JSON.parse(permissions)) : scope
}
