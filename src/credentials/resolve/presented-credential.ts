import type { IncomingHttpHeaders } from 'node:http'
import { GatehouseError } from '#foundation/errors.ts'
import type { Via } from './resolution.ts'

export interface PresentedCredential {
  value: string
  via: Via
}

/**
 * The credential of a request, from wherever it may stand: `Authorization` (Bearer or bare), `X-API-Key`, `ApiKey`, or
 * the query parameter `ApiKey`. The same one twice is one.
 * @param queries of the request itself and of the one it stands for
 * @throws GatehouseError invalid_request when two different ones are presented
 */
export function presentedCredential(
  headers: IncomingHttpHeaders,
  queries: URLSearchParams[],
): PresentedCredential | undefined {
  const found = [...candidates(headers, queries)]
  const [first] = found
  if (found.some((other) => other.value !== first?.value)) {
    throw new GatehouseError('invalid_request', 'the request carries two different credentials')
  }
  return first
}

function* candidates(headers: IncomingHttpHeaders, queries: URLSearchParams[]): Generator<PresentedCredential> {
  const { authorization } = headers
  const bearer = authorization && /^bearer +(\S+)$/i.exec(authorization)?.[1]
  if (bearer) yield { value: bearer, via: 'bearer' }
  else if (authorization && !authorization.includes(' ')) yield { value: authorization, via: 'authorization' }
  const xApiKey = headers['x-api-key']
  if (typeof xApiKey === 'string' && xApiKey) yield { value: xApiKey, via: 'x-api-key' }
  const apiKey = headers.apikey
  if (typeof apiKey === 'string' && apiKey) yield { value: apiKey, via: 'apikey-header' }
  for (const value of queries.flatMap((query) => query.getAll('ApiKey'))) if (value) yield { value, via: 'query' }
}
