import { createPrivateKey, createPublicKey, type JsonWebKeyInput, type KeyObject, sign } from 'node:crypto'
import type { JWK } from 'jose'
import { ExternalSigningKey } from 'oidc-provider'

/**
 * An ES256 key that signs where it is asked. The library signs through WebCrypto on the thread pool, where a signature of
 * a few dozen microseconds costs as much again to get there and back, and waits behind whatever hashes a password there.
 * RS256 takes several times as long and is left to the pool.
 */
class InlineSigningKey extends ExternalSigningKey {
  readonly #private: KeyObject
  readonly #public: KeyObject

  constructor(jwk: JWK) {
    super()
    this.#private = createPrivateKey({ key: jwk, format: 'jwk' } as JsonWebKeyInput)
    this.#public = createPublicKey(this.#private)
    // Setters, which the types leave out.
    Object.assign(this, { kid: jwk.kid, alg: jwk.alg })
  }

  override keyObject(): KeyObject {
    return this.#public
  }

  /** RFC 7518 §3.4: r and s side by side, not in DER. */
  override async sign(data: Uint8Array): Promise<Uint8Array> {
    return sign('sha256', data, { key: this.#private, dsaEncoding: 'ieee-p1363' })
  }
}

/** A signing key as the library is given it. */
export function toSigningKey(jwk: JWK): JWK | ExternalSigningKey {
  return jwk.alg === 'ES256' ? new InlineSigningKey(jwk) : jwk
}
