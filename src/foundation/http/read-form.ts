import type { IncomingMessage } from 'node:http'
import { parse } from 'node:querystring'
import { GatehouseError } from '#foundation/errors.ts'
import { bodyAtHand, mediaTypeOf, readBody } from './read-body.ts'

/** Fields of a form by name; no name twice. Without a prototype, so that no name means anything else. */
export type Form = Readonly<Record<string, string | undefined>>

/**
 * Reads an `application/x-www-form-urlencoded` body of at most 64 KB.
 * @throws GatehouseError invalid_request: too large, another type, or a parameter given twice (RFC 6749 §3.2)
 */
export async function readForm(request: IncomingMessage, options: FormOptions = {}): Promise<Form> {
  requireForm(request)
  return parseForm(await readBody(request), options)
}

/**
 * The text of `readForm`'s body where it has come whole, and undefined where it has not.
 * @throws GatehouseError as `readForm` does
 */
export function formTextAtHand(request: IncomingMessage): string | undefined {
  requireForm(request)
  return bodyAtHand(request)
}

function requireForm(request: IncomingMessage): void {
  const type = request.headers['content-type']
  if (type !== mediaType && mediaTypeOf(request) !== mediaType) {
    throw new GatehouseError('invalid_request', 'the body must be application/x-www-form-urlencoded')
  }
}

const mediaType = 'application/x-www-form-urlencoded'

export interface FormOptions {
  /** Takes escapes that are no UTF-8 for U+FFFD, where a program passes on what was sent to it. */
  anyBytes?: boolean
}

/** @throws GatehouseError invalid_request when a parameter is given twice, or says what is no UTF-8 */
export function parseForm(body: string, { anyBytes = false }: FormOptions = {}): Form {
  const form = parse(body)
  for (const name in form) {
    const value = form[name]
    if (typeof value !== 'string') {
      throw new GatehouseError('invalid_request', `the parameter ${name} is given twice`)
    }
    if (!anyBytes && (value.includes(replacement) || name.includes(replacement))) requireDecodable(body)
  }
  return form as Form
}

/** What the parser puts in place of bytes that are no character; also a character that may have been sent. */
const replacement = '\ufffd'

function requireDecodable(body: string): void {
  try {
    decodeURIComponent(body)
  } catch {
    throw new GatehouseError('invalid_request', 'a parameter is not UTF-8')
  }
}
