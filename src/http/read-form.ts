import type { IncomingMessage } from 'node:http'
import { GatehouseError } from '../errors.ts'

export const largestBodyBytes = 65_536

/**
 * Reads an `application/x-www-form-urlencoded` body of at most 64 KB.
 * @throws GatehouseError invalid_request: too large, another type, or a parameter given twice (RFC 6749 §3.2)
 */
export async function readForm(request: IncomingMessage): Promise<Map<string, string>> {
  const type = request.headers['content-type'] ?? ''
  if (!type.startsWith('application/x-www-form-urlencoded')) {
    throw new GatehouseError('invalid_request', 'the body must be application/x-www-form-urlencoded')
  }
  return parseForm(await readBody(request))
}

/** @throws GatehouseError invalid_request when a parameter is given twice */
export function parseForm(body: string): Map<string, string> {
  const form = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(body)) {
    if (form.has(name)) throw new GatehouseError('invalid_request', `the parameter ${name} is given twice`)
    form.set(name, value)
  }
  return form
}

export function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > largestBodyBytes) {
        reject(new GatehouseError('invalid_request', `the body is larger than ${largestBodyBytes} bytes`))
        request.pause()
      } else chunks.push(chunk)
    })
    request.on('end', () => resolve((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString()))
    request.on('error', reject)
    request.on('aborted', () => reject(new GatehouseError('invalid_request', 'the request was cut off')))
  })
}
