import type { IncomingMessage } from 'node:http'
import { GatehouseError } from '#foundation/errors.ts'
import { mediaTypeOf, readBody } from '#foundation/http/read-body.ts'

const deepest = 8

/**
 * Reads an `application/json` body of at most 64 KB, nested no deeper than any of ours needs. A member named `__proto__`
 * is a member like any other, which no schema knows.
 * @throws GatehouseError invalid_request
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  if (mediaTypeOf(request) !== 'application/json') {
    throw new GatehouseError('invalid_request', 'the body must be application/json')
  }
  const value = parseJson(await readBody(request))
  if (isDeeperThan(deepest, value)) {
    throw new GatehouseError('invalid_request', `the body is nested more than ${deepest} levels deep`)
  }
  return value
}

/** What the parser says quotes the body, which may hold a password: it goes no further. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new GatehouseError('invalid_request', 'the body is not valid JSON')
  }
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner))
}
