import { timingSafeEqual } from 'node:crypto'
import type { Provider } from 'oidc-provider'
import { sha256 } from '#foundation/crypto/sha256.ts'

/** Client secrets are stored as SHA-256: `adapters/client-adapter.ts` hands the hash on in the secret's place. */
export function installSecretHashes(provider: Provider): void {
  provider.Client.prototype.compareClientSecret = async function compare(presented: string) {
    const expected = Buffer.from(this.clientSecret ?? '', 'hex')
    return expected.length === 32 && timingSafeEqual(expected, sha256(presented))
  }
}
