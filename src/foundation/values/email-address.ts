import { z } from 'zod'

/** HTML's own rule for `<input type=email>`: one ASCII address, so no list, no group, no display name, no control character. */
const form = /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,250}[a-zA-Z0-9])?$/

/** Longest address that SMTP can carry (RFC 5321 §4.5.3.1). */
const longest = 254

/** An e-mail address as it was typed; its spelling is kept, comparisons use `emailKey`. */
export const emailAddress = z
  .string()
  .trim()
  .max(longest, `must be at most ${longest} characters`)
  .regex(form, 'must be an e-mail address')

/** What two spellings of one address have in common. The database compares `lower(email)`. */
export function emailKey(email: string): string {
  return email.trim().toLowerCase()
}

/** The part behind the @, in lower case: by which an organization claims its people's addresses. */
export function domainOf(email: string): string {
  return emailKey(email).split('@')[1] ?? ''
}
