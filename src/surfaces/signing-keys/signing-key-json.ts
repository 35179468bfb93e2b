import { z } from 'zod'
import type { PublishedSigningKey } from '#credentials/signing-keys/signing-keys.ts'

/** A key as the API tells of it; of the key pair only the public half. */
export const signingKey = z
  .object({
    kid: z.string(),
    alg: z.string().meta({ examples: ['ES256'] }),
    status: z
      .enum(['next', 'current', 'retired'])
      .describe('`next` is published and signs nothing yet, `current` signs, `retired` only verifies.'),
    since: z.iso.datetime().describe('When it took this status.'),
    created_at: z.iso.datetime(),
    jwk: z.record(z.string(), z.unknown()).describe('The public key (RFC 7517).'),
  })
  .meta({ id: 'SigningKey' })

/** All keys: they fit on one page. */
export function signingKeyList(keys: readonly PublishedSigningKey[]) {
  return { items: keys.map(toJson), next_cursor: null }
}

function toJson({ kid, alg, status, statusSince, createdAt, jwk }: PublishedSigningKey) {
  return { kid, alg, status, since: statusSince.toISOString(), created_at: createdAt.toISOString(), jwk }
}
