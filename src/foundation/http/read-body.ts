import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { GatehouseError } from '#foundation/errors.ts'
import { closeAfterAnswer, isAnnouncedTooLarge, largestBodyBytes } from './refused-body.ts'

/**
 * The body as text: at most 64 KB of UTF-8 (or `largest` bytes), as it is. A body that is announced as larger is refused unread. The library
 * looks for it under the same name, so that every endpoint has these rules; asked again, it is the same.
 * @throws GatehouseError invalid_request, or unsupported_media_type for another charset or any content coding
 */
export async function readBody(
  request: IncomingMessage & { body?: string },
  largest = largestBodyBytes,
): Promise<string> {
  if (request.body !== undefined) return request.body
  requirePlainText(request)
  return keepText(request, await read(request, largest))
}

/**
 * `readBody` of a request that has come whole: most have, by the tick after the one in which their headers came, and
 * then no event has to be waited for. Undefined: some of it is missing, or nobody knows yet whether it is too large.
 */
export function bodyAtHand(request: IncomingMessage & { body?: string }): string | undefined {
  if (request.body !== undefined) return request.body
  if (!request.complete || request.readableLength > largestBodyBytes) return undefined
  requirePlainText(request)
  return keepText(request, (request.read() as Buffer | null) ?? Buffer.alloc(0))
}

function keepText(request: IncomingMessage & { body?: string }, body: Buffer): string {
  if (!isUtf8(body)) throw new GatehouseError('invalid_request', 'the body is not UTF-8')
  request.body = body.toString()
  return request.body
}

/** The media type alone, in lower case; empty where none is named. */
export function mediaTypeOf({ headers }: IncomingMessage): string {
  return headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function requirePlainText({ headers }: IncomingMessage): void {
  const coding = headers['content-encoding']
  if (coding && coding.toLowerCase() !== 'identity') {
    throw new GatehouseError('unsupported_media_type', 'the body must not be compressed')
  }
  const charset = /;\s*charset="?([^\s;"]*)/i.exec(headers['content-type'] ?? '')?.[1]
  if (charset && !/^(utf-?8|us-ascii)$/i.test(charset)) {
    throw new GatehouseError('unsupported_media_type', 'the body must be UTF-8')
  }
}

function read(request: IncomingMessage, largest: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const refuse = () => {
      closeAfterAnswer(request)
      reject(new GatehouseError('invalid_request', `the body is larger than ${largest} bytes`))
    }
    if (isAnnouncedTooLarge(request, largest)) return refuse()
    const chunks: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer) => {
      size += chunk.length
      if (size <= largest) return void chunks.push(chunk)
      request.off('data', take)
      refuse()
    }
    request.on('data', take)
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
    request.on('error', () => reject(new GatehouseError('invalid_request', 'the request was cut off')))
  })
}
