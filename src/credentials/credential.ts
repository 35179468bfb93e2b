import { hash } from 'node:crypto'

/** How a presented credential is looked up: never by itself, only by a hash. */
export interface CredentialReference {
  format: 'opaque' | 'jwt'
  /** SHA-256 of the opaque value or of the JWT's jti, base64. */
  hash: string
}

/** Checks the signature of a JWT of ours and returns its `jti`; undefined for anything else. */
export type VerifyJwt = (jwt: string) => Promise<string | undefined>

const opaqueForm = /^[A-Za-z0-9_-]{16,128}$/
const jwtForm = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
const longestJwt = 4096

/**
 * Tells a presented credential's format by its look. A JWT counts only with our signature, and then only its record
 * decides. Anything of neither form is undefined and costs no look-up.
 */
export function referenceTo(
  presented: string,
  verifyJwt: VerifyJwt,
): CredentialReference | undefined | Promise<CredentialReference | undefined> {
  if (opaqueForm.test(presented)) return { format: 'opaque', hash: hash('sha256', presented, 'base64') }
  if (presented.length > longestJwt || !jwtForm.test(presented)) return undefined
  return verifyJwt(presented).then((jti) => (jti ? { format: 'jwt', hash: hash('sha256', jti, 'base64') } : undefined))
}
