import { apiKeyPattern } from './api-key.ts'

/**
 * Whatever a stranger sends that is kept or logged (user agents, methods, paths): no control characters and no half
 * characters (either would fail the statement, and with it everybody else's in the batch), no API key, and not more than
 * a line.
 */
export function logText(value: string | undefined, longest = 256): string | undefined {
  if (!value) return undefined
  const text = value.length > longest ? value.slice(0, longest) : value
  const clean = plainAscii.test(text) ? text : text.replace(controlCharacters, ' ').toWellFormed()
  return clean.includes('_usr_') ? clean.replace(apiKeyPattern, '…') : clean
}

/**
 * The path of a request target, for the log. The query may carry an API key, an interaction's uid is also the value of its
 * cookie, and a refresh path holds a token. Whatever else looks like a token goes as well: the path in front of it may be
 * misspelled.
 */
export function logPath(target: string | undefined): string | undefined {
  if (!target) return undefined
  const path = unescaped(target.split(/[?#]/, 1)[0] ?? '')
    .replace(/^(\/interaction|\/oauth\/authorize|\/device|(?:\/v1)?\/auth\/refresh)\/[^/]+/i, '$1/…')
    .replace(/[A-Za-z0-9_-]{40,}/g, '…')
  return logText(path, 1024)
}

/** An escape in the middle would make a token look like none. */
function unescaped(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (escaped, code: string) => {
    const character = String.fromCharCode(Number.parseInt(code, 16))
    return /[\w-]/.test(character) ? character : escaped
  })
}

const plainAscii = /^[ -~]*$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get through
const controlCharacters = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g
