import { crc32 } from 'node:zlib'
import { customAlphabet } from 'nanoid'

/*
 * The form of an opaque API key: `<prefix>_usr_`, 32 random base62 characters, and the CRC-32 (IEEE) of everything before
 * it as 6 base62 characters. A typing mistake is noticed without a look-up, and secret scanners recognise a key by form
 * and checksum alone, whatever its prefix.
 */

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const randomLength = 32
const checksumLength = 6
const random = customAlphabet(base62, randomLength)

/** Where a key of any deployment may be in a text; `isApiKey` then tells by its checksum. */
export const apiKeyPattern = /(?<![A-Za-z0-9])[a-z][a-z0-9]{1,15}_usr_[0-9A-Za-z]{38}(?![A-Za-z0-9])/g

const wholeKey = new RegExp(`^${apiKeyPattern.source}$`)

/** A new key with 190 random bits. @param prefix of the deployment: API_KEY_PREFIX */
export function newApiKey(prefix: string): string {
  const body = `${prefix}_usr_${random()}`
  return body + checksumOf(body)
}

/** Whether `text` has the form of an API key and its checksum is right. */
export function isApiKey(text: string): boolean {
  return wholeKey.test(text) && checksumOf(text.slice(0, -checksumLength)) === text.slice(-checksumLength)
}

/** The kind of an opaque key is in its prefix. */
export function looksLikeApiKey(text: string, prefix: string): boolean {
  return text.startsWith(prefix) && text.startsWith('_usr_', prefix.length)
}

/** What is shown of a key after its first showing: what it begins with, and its last four characters. */
export function hintOf(key: string, format: 'opaque' | 'jwt'): string {
  const start = format === 'jwt' ? 'jwt ' : key.slice(0, key.indexOf('_usr_') + 5)
  return `${start}…${key.slice(-4)}`
}

function checksumOf(text: string): string {
  let rest = crc32(text)
  let digits = ''
  for (let n = 0; n < checksumLength; n++) {
    digits = base62[rest % 62] + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}
