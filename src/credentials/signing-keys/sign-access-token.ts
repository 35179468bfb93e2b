import { importJWK, type JWK, type JWTPayload, SignJWT } from 'jose'
import { signingAlgorithms } from './signing-keys.ts'

/** Signs claims as a JWT access token (RFC 9068) with the key that signs now. */
export type SignAccessToken = (claims: JWTPayload) => Promise<{ jwt: string; kid: string }>

/** The first key of the preferred algorithm is the current one. */
export async function accessTokenSigner(signingKeys: readonly JWK[]): Promise<SignAccessToken> {
  const [alg] = signingAlgorithms
  const jwk = signingKeys.find((key) => key.alg === alg)
  if (!jwk?.kid) throw new Error(`no signing key for ${alg}`)
  const { kid } = jwk
  const key = await importJWK(jwk, alg)
  return async (claims) => ({
    jwt: await new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'at+jwt' }).sign(key),
    kid,
  })
}
