import { timingSafeEqual } from 'node:crypto'
import type { Provider } from 'oidc-provider'
import { sha256 } from '#foundation/crypto/sha256.ts'

/**
 * Client secrets are stored as SHA-256: `adapters/client-adapter.ts` hands the hash on in the secret's place. A client
 * that is not there costs a comparison too, so that no time tells it from a wrong secret.
 */
export function installSecretHashes(provider: Provider): void {
  const { Client } = provider
  const find = Client.find.bind(Client)
  Client.find = async (clientId) => {
    const client = await find(clientId)
    if (!client) matches(noSecret, clientId)
    return client
  }
  Client.prototype.compareClientSecret = async function compare(presented: string) {
    return matches(Buffer.from(this.clientSecret ?? '', 'hex'), presented)
  }
}

const noSecret = Buffer.alloc(32)

function matches(expected: Buffer, presented: string): boolean {
  return expected.length === 32 && timingSafeEqual(expected, sha256(presented))
}
