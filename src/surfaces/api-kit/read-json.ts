import type { IncomingMessage } from 'node:http'
import { type FieldProblem, GatehouseError } from '#foundation/errors.ts'
import { mediaTypeOf, readBody } from '#foundation/http/read-body.ts'

const deepest = 8

/**
 * Reads an `application/json` body of at most 64 KB, nested no deeper than any of ours needs. Two members of one name are
 * refused: which of them counts is what a proxy in front may see otherwise (RFC 8259 §4).
 * @throws GatehouseError invalid_request; validation_failed for text that is no Unicode, and for `__proto__`
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  if (mediaTypeOf(request) !== 'application/json') {
    throw new GatehouseError('invalid_request', 'the body must be application/json')
  }
  const text = await readBody(request)
  const value = parseJson(text)
  if (hasRepeatedMember(text)) throw new GatehouseError('invalid_request', 'the body names a member twice')
  if (isDeeperThan(deepest, value)) {
    throw new GatehouseError('invalid_request', `the body is nested more than ${deepest} levels deep`)
  }
  const fields = [...problemsIn(value, [])]
  if (fields.length > 0) throw new GatehouseError('validation_failed', 'Some fields are not valid.', { fields })
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

/** @param text valid JSON, of which the parser keeps the last member of a name */
function hasRepeatedMember(text: string): boolean {
  /** The names of each open object; undefined for an array. */
  const open: (Set<string> | undefined)[] = []
  let last = ''
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/gs)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const names = open.at(-1)
      const name = JSON.parse(last) as string
      if (names?.has(name)) return true
      names?.add(name)
    } else last = token
  }
  return false
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner))
}

/** Half a character would be stored as another one; a schema of free names would drop `__proto__` and say nothing. */
function* problemsIn(value: unknown, path: string[]): Generator<FieldProblem> {
  if (typeof value === 'string' && !value.isWellFormed()) {
    yield { path: path.join('.'), message: 'must be well-formed Unicode' }
  }
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value)) {
    const at = [...path, name.toWellFormed()]
    if (name === '__proto__' || !name.isWellFormed()) yield { path: at.join('.'), message: 'is not known here' }
    yield* problemsIn(inner, at)
  }
}
