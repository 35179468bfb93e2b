import { readFileSync } from 'node:fs'
import { emailKey } from '#foundation/values/email-address.ts'
import { isTooLong, passwordLength } from './password.ts'

/** What guessing programs try first, in lower case, one a line. Shorter ones are refused by their length. */
const commonPasswords = new Set(
  readFileSync(new URL('common-passwords.txt', import.meta.url), 'utf8')
    .split('\n')
    .filter(Boolean),
)

/** Whose password it is to be. */
export interface PasswordOwner {
  email: string
  /** Names and slugs of their organizations. */
  organizations: readonly string[]
}

/**
 * What is wrong with a new password, in words for the person who chose it; undefined when it will do. It is taken
 * exactly as sent: no trimming, no rule on which characters it has. Length and being unknown are what counts.
 * @param owner what is known of the person, which is the first thing that a guesser would try
 */
export function passwordProblem(password: string, owner: PasswordOwner): string | undefined {
  const { min, max } = passwordLength
  if ([...password].length < min) return `Use at least ${min} characters. A few words in a row are easy to remember.`
  if (isTooLong(password)) return `Use at most ${max} characters.`
  if (isCommon(password)) return 'Many people use this password, so it is easily guessed. Choose another one.'
  if (isRun(password))
    return 'One character again and again, or digits in order, is easily guessed. Choose another one.'
  if (isOwnAddress(password, owner.email)) return 'Your e-mail address is easily guessed. Choose another password.'
  if (isNameOf(password, owner.organizations)) {
    return 'The name of your organization is easily guessed. Choose another password.'
  }
  return undefined
}

/** One character repeated, or digits that go up or down by one, over 9 to 0 as on a keyboard. */
function isRun(password: string): boolean {
  const characters = [...password]
  const steps = characters.slice(1).map((character, index) => stepBetween(characters[index]!, character))
  return [0, 1, 9].some((step) => steps.every((one) => one === step))
}

function stepBetween(one: string, other: string): number | undefined {
  if (one === other) return 0
  return /^\d\d$/.test(one + other) ? (10 + Number(other) - Number(one)) % 10 : undefined
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

/** Whatever stands between its words. */
function isNameOf(password: string, names: readonly string[]): boolean {
  const plain = lettersOf(password)
  return plain !== '' && names.some((name) => lettersOf(name) === plain)
}

function lettersOf(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
}

function isOwnAddress(password: string, email: string): boolean {
  const lower = password.toLowerCase()
  const address = emailKey(email)
  return lower.includes(address) || lower === address.split('@')[0]
}
