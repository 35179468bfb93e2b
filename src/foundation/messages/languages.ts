/** Every language that pages and mails are written in, by its BCP 47 tag; the first is what the others fall back on. */
export const languages = ['en', 'de', 'fr'] as const

/**
 * English with a mark around each text that comes from a catalogue: on a page in this language, what stands outside of
 * the marks is written into a view, or somebody's data. `x` is what BCP 47 §2.2.7 keeps for private agreement.
 */
export const markedLanguage = 'x-marked'

export type Language = (typeof languages)[number] | typeof markedLanguage

export const fallbackLanguage: Language = 'en'

/** More than anybody reads. */
const mostRanges = 20

/**
 * The first language that we have of those that somebody prefers: `fr-CA` is answered in `fr` (RFC 4647 §3.4, lookup).
 * @param ranges language ranges, the dearest first, as in `ui_locales` (OpenID Connect Core §3.1.2.1)
 */
export function firstKnownLanguage(ranges: readonly string[]): Language | undefined {
  for (const range of ranges.slice(0, mostRanges)) {
    for (let tag = range.toLowerCase(); tag !== ''; tag = tag.slice(0, Math.max(0, tag.lastIndexOf('-')))) {
      if (isLanguage(tag)) return tag
    }
  }
  return undefined
}

/** @param locale as an organization has chosen it, maybe of a version that knew others */
export function languageOf(locale: string | null | undefined): (typeof languages)[number] | undefined {
  return languages.find((language) => language === locale)
}

/** @param tag lower-case */
function isLanguage(tag: string): tag is Language {
  return tag === markedLanguage || (languages as readonly string[]).includes(tag)
}

/** By which `Intl` formats: English texts write "12 Jan 2027". */
export function localeOf(language: Language): string {
  return language === 'en' || language === markedLanguage ? 'en-GB' : language
}

const rightToLeft: readonly string[] = ['ar', 'fa', 'he', 'ur']

export function directionOf(language: Language): 'ltr' | 'rtl' {
  return rightToLeft.includes(language) ? 'rtl' : 'ltr'
}
