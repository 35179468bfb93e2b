import { readFileSync } from 'node:fs'
import { emailKey } from '#foundation/values/email-address.ts'
import { passwordLength } from './password.ts'

/** What guessing programs try first, in lower case, one a line. Shorter ones are refused by their length. */
const commonPasswords = new Set(
  readFileSync(new URL('common-passwords.txt', import.meta.url), 'utf8')
    .split('\n')
    .filter(Boolean),
)

/**
 * What is wrong with a new password, in words for the person who chose it; undefined when it will do. It is taken
 * exactly as sent: no trimming, no rule on which characters it has. Length and being unknown are what counts.
 * @param email the person's own address, which is the first thing that somebody would try
 */
export function passwordProblem(password: string, email: string): string | undefined {
  const { min, max } = passwordLength
  if ([...password].length < min) return `Use at least ${min} characters. A few words in a row are easy to remember.`
  if (password.length > max) return `Use at most ${max} characters.`
  if (isCommon(password)) return 'Many people use this password, so it is easily guessed. Choose another one.'
  if (isOwnAddress(password, email)) return 'Your e-mail address is easily guessed. Choose another password.'
  return undefined
}

/** In any case, and with the usual digits and signs in place of letters: P4ssword1 is password1. */
function isCommon(password: string): boolean {
  const lower = password.toLowerCase()
  return commonPasswords.has(lower) || commonPasswords.has(withLetters(lower))
}

const lookalikes: Record<string, string> = { '0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '@': 'a', $: 's' }

/** The digits at the end stay: they are an ending, not letters. */
function withLetters(password: string): string {
  const [, word = '', ending = ''] = /^(.*?)([\d!?.*#]*)$/s.exec(password) ?? []
  return word.replace(/[01345@$]/g, (sign) => lookalikes[sign] ?? sign) + ending
}

function isOwnAddress(password: string, email: string): boolean {
  const lower = password.toLowerCase()
  const address = emailKey(email)
  return lower.includes(address) || lower === address.split('@')[0]
}
