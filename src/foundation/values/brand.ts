import type { Language } from '#foundation/messages/languages.ts'

/** Whom a page speaks for: an organization's look, else Gatehouse's own. */
export interface Brand {
  name: string
  logoUrl?: string | undefined
  /** `#rrggbb` */
  accentColor?: string | undefined
  /** In which it speaks to those who ask for none. */
  language?: Language | undefined
}
