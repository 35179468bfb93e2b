import type Koa from 'koa'
import type { CredentialReference, ReferenceTo } from '#credentials/resolve/credential.ts'
import { narrowedAuthorization } from '#credentials/resolve/narrowed-authorization.ts'
import { presentedCredential } from '#credentials/resolve/presented-credential.ts'
import type { LiveCredential, ResolveCredential } from '#credentials/resolve/resolution.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'
import { logPath, logText } from '#foundation/values/log-text.ts'

/** Who asks something of our own API, by which credential, and what that credential may do and see now. */
export interface AuthenticatedCaller {
  credential: LiveCredential
  /** How the credential is found again: to end it, for example. */
  reference: CredentialReference
  permissions: string[]
  dataScopes: DataScope[]
}

/** @throws GatehouseError authentication_required without a live credential, invalid_request with two different ones */
export type RequireCaller = (ctx: Koa.Context) => Promise<AuthenticatedCaller>

/**
 * The caller of a `/v1` request, by access token or API key: found, checked and logged by the statement that answers
 * introspection. A token that was asked for another resource server is not for us (RFC 8707).
 */
export function callerRequirement(parts: {
  resolve: ResolveCredential
  referenceTo: ReferenceTo
  clientAddress: ClientAddress
}): RequireCaller {
  return async (ctx) => {
    const presented = presentedCredential(ctx.req.headers, [new URLSearchParams(ctx.querystring)])
    if (!presented) throw authenticationRequired()
    const reference = await parts.referenceTo(presented.value)
    const resolution = await parts.resolve({
      reference,
      via: presented.via,
      caller: undefined,
      forOurselves: true,
      ip: parts.clientAddress(ctx.req),
      userAgent: logText(ctx.get('user-agent')),
      method: logText(ctx.method, 16),
      path: logPath(ctx.path),
    })
    if (typeof reference !== 'object' || resolution.outcome !== 'accepted') throw authenticationRequired()
    const { credential } = resolution
    const { permissions, dataScopes } = narrowedAuthorization(credential)
    return {
      credential,
      reference,
      permissions: JSON.parse(permissions),
      dataScopes: JSON.parse(dataScopes),
    }
  }
}

/** The one refusal of callers without a credential that lives. */
export function authenticationRequired(): GatehouseError {
  return new GatehouseError(
    'authentication_required',
    'Authentication required: send an access token in Authorization or an API key in X-API-Key',
  )
}
