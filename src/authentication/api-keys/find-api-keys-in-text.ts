import { apiKeyPattern, hintOf, isApiKey } from '#foundation/values/api-key.ts'

/** Something that looks like a live key. Line and column count from 1. */
export interface FoundApiKey {
  line: number
  column: number
  hint: string
}

/** More than a key with its prefix is long: a key may lie across two pieces. */
const overlap = 128

/**
 * API keys in a text of any size, in pieces as a stream gives them. Bytes are taken as Latin-1, so that a key is also
 * found in a file of another encoding or of none.
 */
export async function* findApiKeysIn(pieces: AsyncIterable<Buffer>): AsyncGenerator<FoundApiKey> {
  let rest = ''
  let line = 1
  let column = 1
  for await (const piece of pieces) {
    const text = rest + piece.toString('latin1')
    const settled = Math.max(0, text.length - overlap)
    yield* keysBefore(text, settled, { line, column })
    ;({ line, column } = after(text.slice(0, settled), { line, column }))
    rest = text.slice(settled)
  }
  yield* keysBefore(rest, rest.length, { line, column })
}

interface Place {
  line: number
  column: number
}

/** Keys that begin before `end`; where one begins in the overlap, the next piece finds it. */
function* keysBefore(text: string, end: number, place: Place): Generator<FoundApiKey> {
  for (const { 0: key, index } of text.matchAll(apiKeyPattern)) {
    if (index < end && isApiKey(key)) yield { ...after(text.slice(0, index), place), hint: hintOf(key, 'opaque') }
  }
}

function after(text: string, { line, column }: Place): Place {
  const lines = text.split('\n')
  return lines.length === 1
    ? { line, column: column + text.length }
    : { line: line + lines.length - 1, column: lines.at(-1)!.length + 1 }
}
