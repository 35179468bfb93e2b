import type { Provider } from 'oidc-provider'
import { type LiveSecret, matchingSecret } from '#directory/clients/client-secrets.ts'

/**
 * Client secrets are stored as SHA-256, and a client may have several: `adapters/client-adapter.ts` hands the hashes of
 * those that live on in the one secret's place. A client that is not there costs a comparison too, so that no time tells
 * it from a wrong secret.
 */
export function installSecretHashes(provider: Provider): void {
  const { Client } = provider
  const find = Client.find.bind(Client)
  Client.find = async (clientId) => {
    const client = await find(clientId)
    if (!client) matchingSecret([], clientId)
    return client
  }
  Client.prototype.compareClientSecret = async function compare(presented: string) {
    return matchingSecret(secretsFromText(this.clientSecret ?? ''), presented) !== undefined
  }
}

/** The library takes no empty secret: without one the text is of no form that `secretsFromText` reads. */
export function secretsAsText(secrets: readonly LiveSecret[]): string {
  return secrets.map(({ hash }) => hash.toString('hex')).join(' ') || 'none'
}

function secretsFromText(text: string): LiveSecret[] {
  const hashes = text.match(/\b[0-9a-f]{64}\b/g) ?? []
  return hashes.map((hash) => ({ hash: Buffer.from(hash, 'hex'), endsInSeconds: null }))
}
