import type { Fetch } from '#foundation/http/outbound-fetch.ts'
import { UpstreamError } from './upstream-error.ts'

/** Unpacked: an answer of 1 MB on the wire may be a thousand times that. */
const largestAnswerBytes = 1_048_576
const withoutBody = new Set([101, 204, 205, 304])

/**
 * The guarded outbound fetch (https, no private address, no redirect, 5 s) as identity providers are asked with it: the
 * answer is read whole and bounded, and what fails is an `UpstreamError`.
 */
export function upstreamFetch(fetch: Fetch): Fetch {
  return async (input, init) => {
    try {
      const response = await fetch(input, init)
      if (response.status >= 300 && response.status < 400) throw new UpstreamError('unreachable', 'redirect')
      const body = await readBounded(response)
      if (response.status >= 500) throw new UpstreamError('unreachable', `status_${response.status}`)
      // A new one: a body that has been read can't be read again, and its length and packing are no longer as declared.
      const headers = new Headers()
      for (const name of ['content-type', 'www-authenticate']) {
        const value = response.headers.get(name)
        if (value !== null) headers.set(name, value)
      }
      return new Response(withoutBody.has(response.status) ? null : body, { status: response.status, headers })
    } catch (error) {
      throw error instanceof UpstreamError ? error : networkError(error)
    }
  }
}

async function readBounded(response: Response): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > largestAnswerBytes) throw new UpstreamError('unreachable', 'answer_too_large')
    chunks.push(chunk)
  }
  return new Blob(chunks)
}

/** undici hides what happened in a chain of causes. */
function networkError(error: unknown): UpstreamError {
  // A DOMException has its name in words and its code as a number.
  const codes = chainOf(error).flatMap((cause) => [cause.name, String((cause as { code?: unknown }).code)])
  if (codes.some((code) => /TIMEOUT|Timeout/.test(code))) return new UpstreamError('too_slow', 'timeout')
  const code = codes.find((one) => /^(E[A-Z]+|UND_ERR_[A-Z_]+|[A-Z]+_[A-Z_]+)$/.test(one))
  return new UpstreamError('unreachable', code ?? 'not_called')
}

function chainOf(error: unknown): Error[] {
  const chain: Error[] = []
  for (let cause = error; cause instanceof Error && chain.length < 8; cause = cause.cause) chain.push(cause)
  return chain
}
