import { hash } from 'node:crypto'
import { isApiKey, looksLikeApiKey } from '#foundation/values/api-key.ts'

/** How a presented credential is looked up: never by itself, only by a hash. */
export interface CredentialReference {
  format: 'opaque' | 'jwt'
  /** SHA-256 of the opaque value or of the JWT's jti, base64. */
  hash: string
}

/** Checks the signature of a JWT of ours and returns its `jti`; undefined for anything else. */
export type VerifyJwt = (jwt: string) => Promise<string | undefined>

/**
 * How what was presented is looked up. Undefined: it has no form of ours. `mistyped`: an API key with a wrong checksum.
 * Neither can be a credential.
 */
export type Reference = CredentialReference | 'mistyped' | undefined

export type ReferenceTo = (presented: string) => Reference | Promise<Reference>

const opaqueForm = /^[A-Za-z0-9_-]{16,128}$/
const jwtForm = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
const longestJwt = 8192

/**
 * Tells a presented credential's format by its look. A JWT counts only with our signature, and then only its record
 * decides.
 */
export function credentialReferences(parts: { verifyJwt: VerifyJwt; apiKeyPrefix: string }): ReferenceTo {
  const { verifyJwt, apiKeyPrefix } = parts
  return (presented) => {
    if (looksLikeApiKey(presented, apiKeyPrefix) && !isApiKey(presented)) return 'mistyped'
    if (opaqueForm.test(presented)) return { format: 'opaque', hash: hash('sha256', presented, 'base64') }
    if (presented.length > longestJwt || !jwtForm.test(presented)) return undefined
    return verifyJwt(presented).then((jti) =>
      jti ? { format: 'jwt', hash: hash('sha256', jti, 'base64') } : undefined,
    )
  }
}
