import type { Organization } from '#foundation/database/schema.ts'
import { languageOf } from '#foundation/messages/languages.ts'
import type { Brand } from '#foundation/values/brand.ts'

/** Name, mark, colour and language of the organization that a page speaks for. */
export function brandOf(
  organization: Pick<Organization, 'name' | 'logoUrl' | 'accentColor'> & Partial<Pick<Organization, 'defaultLocale'>>,
): Brand {
  const { name, logoUrl, accentColor, defaultLocale } = organization
  return {
    name,
    logoUrl: logoUrl ?? undefined,
    accentColor: accentColor ?? undefined,
    language: languageOf(defaultLocale),
  }
}

/**
 * The look of a page for an organization that was asked for by name. One that does not exist has a page like one that
 * has chosen neither logo, colour nor language: who is no member learns nothing from it before the password.
 * @param asked slug or id; an unknown id says nothing to people
 */
export function brandOfAsked(asked: string, found: Organization | undefined): Brand | undefined {
  if (found) return brandOf(found)
  return /^[a-z0-9-]{2,63}$/.test(asked) ? { name: asked } : undefined
}
