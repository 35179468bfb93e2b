import { liveScope, narrowedAuthorization } from '#credentials/resolve/narrowed-authorization.ts'
import type { LiveCredential, Resolution } from '#credentials/resolve/resolution.ts'

/** Anything unknown, malformed, expired, revoked or foreign: it tells a scanner nothing (RFC 7662 §2.2). */
export const inactive = '{"active":false}'

/**
 * Prints introspection answers (RFC 7662 §2.2), as JSON text. Of a credential that is the same since its last use, the
 * answer is, too.
 */
export function introspectionAnswers(issuer: string): (resolution: Resolution) => string {
  const printed = new WeakMap<LiveCredential, string>()
  return (resolution) => {
    if (resolution.outcome !== 'accepted') return inactive
    const { credential } = resolution
    const known = printed.get(credential)
    if (known !== undefined) return known
    const answer = active(credential, issuer)
    printed.set(credential, answer)
    return answer
  }
}

/** Put together as text: what the statement returned as JSON is not parsed to be printed again. */
function active(credential: LiveCredential, issuer: string): string {
  const { permissions, dataScopes, superadmin } = narrowedAuthorization(credential)
  const { email, audience, clientId, organizationId, organizationSlug } = credential
  const scope = liveScope(credential.scope, permissions)
  return `{"active":true,"iss":${JSON.stringify(issuer)},"sub":${JSON.stringify(credential.userId ?? clientId)}${
    email === null ? '' : `,"username":${JSON.stringify(email)}`
  }${
    clientId === null ? '' : `,"client_id":${JSON.stringify(clientId)}`
  },"token_type":"Bearer","token_kind":"${credential.kind}","scope":${JSON.stringify(scope)},"iat":${
    credential.issuedAt
  },"exp":${credential.expiresAt},"jti":${JSON.stringify(credential.id)}${
    audience === null ? '' : `,"aud":${JSON.stringify(audience)}`
  }${
    organizationId === null ? '' : `,"org_id":"${organizationId}","org_slug":${JSON.stringify(organizationSlug)}`
  },"superadmin":${superadmin},"permissions":${permissions},"data_scopes":${dataScopes}}`
}
