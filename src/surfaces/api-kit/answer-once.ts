import { createHmac } from 'node:crypto'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { claimRequest, keepRequestAnswer } from '#foundation/http/idempotent-requests.ts'
import type { Answer, ApiRoute } from './api-route.ts'
import type { AuthenticatedCaller } from './authenticated-caller.ts'

const daySeconds = 86_400
const secretSeconds = 600

/** @returns undefined without the header @throws GatehouseError invalid_request */
export function idempotencyKeyOf(header: string): string | undefined {
  if (header === '') return undefined
  if (/^[\x21-\x7e]{1,255}$/.test(header)) return header
  throw new GatehouseError('invalid_request', 'Idempotency-Key must be 1 to 255 visible ASCII characters')
}

interface OnceRequest {
  parts: { encryption: Encryption }
  route: ApiRoute
  request: { caller: AuthenticatedCaller; params: unknown; query: unknown; body: unknown }
  key: string
}

/**
 * Does what one caller asks under one Idempotency-Key at most once: a repeat gets the first answer, for a day; one that
 * holds a secret for ten minutes. Of two at once the second waits for the first. A request that was refused leaves nothing
 * behind and may be sent again (draft-ietf-httpapi-idempotency-key-header).
 * @param tx in which `work` runs: the claim, the change and the kept answer commit together
 * @throws GatehouseError conflict once the secret is gone; validation_failed for another request under the same key
 */
export async function answerOnce(
  tx: Queryable,
  { parts: { encryption }, route, request, key }: OnceRequest,
  work: () => Promise<Answer>,
): Promise<Answer> {
  const { userId, clientId, organizationId } = request.caller.credential
  const keyHash = sha256(JSON.stringify([userId ?? clientId, organizationId, route.name, key]))
  const requestHash = fingerprint(encryption, [request.params, request.query, request.body])
  const claim = await claimRequest(tx, { keyHash, requestHash, lifetimeSeconds: daySeconds })
  if (claim.outcome === 'other') {
    throw new GatehouseError('validation_failed', 'Idempotency-Key was used for another request.', {
      fields: [{ path: 'Idempotency-Key', message: 'was used for another request' }],
    })
  }
  if (claim.outcome === 'repeated') {
    if (claim.answer) return JSON.parse(encryption.decrypt(claim.answer)) as Answer
    throw new GatehouseError('conflict', 'This was done. Its answer held a secret, which is not kept any longer.')
  }
  const answer = await work()
  await keepRequestAnswer(tx, {
    keyHash,
    answer: encryption.encrypt(JSON.stringify(answer)),
    lifetimeSeconds: route.secret ? secretSeconds : daySeconds,
  })
  return answer
}

/** Under a key of ours: a body may hold a password, which a plain hash would let be guessed. */
function fingerprint(encryption: Encryption, content: unknown): Buffer {
  return createHmac('sha256', encryption.derivedKeys('idempotency')[0]!).update(JSON.stringify(content)).digest()
}
