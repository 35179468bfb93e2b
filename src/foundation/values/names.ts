import { z } from 'zod'

/** `acme`: part of the login URL, so lower case, digits and hyphens. */
export const organizationSlug = z
  .string()
  .regex(/^[a-z0-9-]{2,63}$/, 'must be 2 to 63 lower-case letters, digits or hyphens')

/** Shown to people: organizations, teams, users, clients. */
export const displayName = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .max(200, 'must be at most 200 characters')
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters')

/** An e-mail domain, stored in lower case. */
export const emailDomain = z
  .string()
  .trim()
  .toLowerCase()
  .max(253, 'must be at most 253 characters')
  .regex(
    /^(?=.*[a-z])[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/,
    'must be a domain such as example.com',
  )

export const accentColor = z
  .string()
  .toLowerCase()
  .regex(/^#[0-9a-f]{6}$/, 'must be a colour such as #1a5fb4')

export const logoUrl = z.url({ protocol: /^https$/, error: 'must be an https URL' }).max(2000)

/** An organization as other things in the API mention it. */
export const organizationSummary = z
  .object({ id: z.string(), slug: z.string(), name: z.string() })
  .meta({ id: 'OrganizationSummary' })
