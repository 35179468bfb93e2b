import { type AdapterPayload, errors } from 'oidc-provider'
import { isPermission, scopeWithin } from '#foundation/values/permission.ts'

/**
 * What a token may name of a scope that is asked for: of permissions only those that its holder has.
 * @throws errors.InvalidScope when permissions alone are asked for, and none is left (RFC 6749 §5.2)
 */
export function scopeOfHolder(asked: string, held: readonly string[]): string {
  const scope = scopeWithin(asked, held)
  if (scope === '' && asked !== '') throw new errors.InvalidScope('no permission is left of the requested scope', asked)
  return scope
}

/** Whether a scope asks for nothing but permissions. */
export function isOfPermissions(scope: string): boolean {
  return scope !== '' && scope.split(' ').every(isPermission)
}

/**
 * A grant as a token request may use it: what is issued under it names at most what its holder may do now, while the
 * grant itself keeps what was given, for the day when a right comes back.
 * @param held JSON text: the holder's permissions
 * @param asked the scope that the request names; undefined: all of the grant's
 * @throws errors.InvalidScope, as above
 */
export function grantOfHolder(grant: AdapterPayload, held: string, asked: string | undefined): AdapterPayload {
  const openid = grant.openid as { scope?: string } | undefined
  const resources = (grant.resources ?? {}) as Record<string, string>
  const granted = [openid?.scope, ...Object.values(resources)].filter((scope) => scope !== undefined).join(' ')
  if (!granted.split(' ').some(isPermission)) return grant
  const permissions = JSON.parse(held) as string[]
  scopeOfHolder(asked ?? granted, permissions)
  const within = Object.entries(resources).map(([resource, scope]) => [resource, scopeWithin(scope, permissions)])
  return {
    ...grant,
    ...(openid && { openid: { ...openid, scope: scopeWithin(openid.scope ?? '', permissions) } }),
    resources: Object.fromEntries(within),
  }
}
