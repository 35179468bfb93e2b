import type { IncomingMessage } from 'node:http'
import { parse } from 'node:querystring'
import { GatehouseError } from '#foundation/errors.ts'

export const largestBodyBytes = 65_536

/** Fields of a form by name; no name twice. Without a prototype, so that no name means anything else. */
export type Form = Readonly<Record<string, string | undefined>>

/**
 * Reads an `application/x-www-form-urlencoded` body of at most 64 KB.
 * @throws GatehouseError invalid_request: too large, another type, or a parameter given twice (RFC 6749 §3.2)
 */
export async function readForm(request: IncomingMessage): Promise<Form> {
  const [type = ''] = request.headers['content-type']?.split(';') ?? []
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded') {
    throw new GatehouseError('invalid_request', 'the body must be application/x-www-form-urlencoded')
  }
  return parseForm(await readBody(request))
}

/** @throws GatehouseError invalid_request when a parameter is given twice */
export function parseForm(body: string): Form {
  const form = parse(body)
  for (const name in form) {
    if (typeof form[name] !== 'string') {
      throw new GatehouseError('invalid_request', `the parameter ${name} is given twice`)
    }
  }
  return form as Form
}

export function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= largestBodyBytes) {
        chunks.push(chunk)
        return
      }
      request.pause()
      reject(new GatehouseError('invalid_request', `the body is larger than ${largestBodyBytes} bytes`))
    })
    request.on('end', () => resolve((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString()))
    request.on('error', () => reject(new GatehouseError('invalid_request', 'the request was cut off')))
  })
}
