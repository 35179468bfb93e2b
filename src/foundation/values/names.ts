import { z } from 'zod'
import { languages } from '#foundation/messages/languages.ts'

/** `acme`: part of the login URL, so lower case, digits and hyphens. */
export const organizationSlug = z
  .string()
  .regex(/^[a-z0-9-]{2,63}$/, 'must be 2 to 63 lower-case letters, digits or hyphens')

/** The rule of every text field: nothing that the database could not hold, no control characters, no half characters. */
export function plainText(longest: number) {
  return z
    .string()
    .trim()
    .max(longest, `must be at most ${longest} characters`)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters')
}

/** Shown to people: organizations, teams, users, clients. */
export const displayName = plainText(200).min(1, 'must not be empty')

/** An e-mail domain, stored in lower case. */
export const emailDomain = z
  .string()
  .trim()
  .max(253, 'must be at most 253 characters')
  // Looked at before case is folded, which makes ASCII letters of others (U+212A of KELVIN SIGN).
  .regex(
    /^(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/i,
    'must be a domain such as example.com',
  )
  .toLowerCase()

export const accentColor = z
  .string()
  .toLowerCase()
  .regex(/^#[0-9a-f]{6}$/, 'must be a colour such as #1a5fb4')

/** A language that pages and mails are written in. */
export const locale = z.enum(languages, { error: `must be one of ${languages.join(', ')}` })

export const logoUrl = z.url({ protocol: /^https$/, error: 'must be an https URL' }).max(2000)

/** An organization as other things in the API mention it. */
export const organizationSummary = z
  .object({ id: z.string(), slug: z.string(), name: z.string() })
  .meta({ id: 'OrganizationSummary' })
