import { compactVerify, createLocalJWKSet, type JWK } from 'jose'
import { signingAlgorithms } from '#credentials/signing-keys/signing-keys.ts'
import type { VerifyJwt } from './credential.ts'

/**
 * Verifies access tokens that we signed (RFC 9068). Our own keys by `kid`, our own algorithms, the right `typ`: `jwk`,
 * `jku`, `x5u` in a header are never followed, an unknown `crit` or `alg: none` fails, an id token is no access token.
 * Expiry is left to the record.
 */
export function jwtVerifier(publicKeys: JWK[], issuer: string): VerifyJwt {
  const keys = createLocalJWKSet({ keys: publicKeys })
  return async (jwt) => {
    try {
      const { payload, protectedHeader } = await compactVerify(jwt, keys, { algorithms: [...signingAlgorithms] })
      if (protectedHeader.typ !== 'at+jwt' || !protectedHeader.kid) return undefined
      const claims = JSON.parse(new TextDecoder().decode(payload)) as { jti?: unknown; iss?: unknown }
      return claims.iss === issuer && typeof claims.jti === 'string' ? claims.jti : undefined
    } catch {
      return undefined
    }
  }
}
