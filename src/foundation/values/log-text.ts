/**
 * What the edges may send into the log: no control characters, no half characters (either would fail the statement and
 * with it everybody else's in the batch), and not more than a line.
 */
export function logText(value: string | undefined, longest = 256): string | undefined {
  if (!value) return undefined
  const text = value.length > longest ? value.slice(0, longest) : value
  return plainAscii.test(text) ? text : text.replace(controlCharacters, ' ').toWellFormed()
}

const plainAscii = /^[ -~]*$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get through
const controlCharacters = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/** Without the query, which may carry an API key. */
export function pathOf(target: string | undefined): string | undefined {
  return target?.split(/[?#]/, 1)[0]
}
