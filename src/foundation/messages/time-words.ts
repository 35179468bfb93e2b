import type { MessageKey } from './catalogue.ts'
import { type Language, localeOf, markedLanguage } from './languages.ts'

/** A moment for `<time>`: what people read, the exact time in UTC, and ISO 8601. */
export interface Moment {
  text: string
  exact: string
  iso: string
}

const units: [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

/** How times, numbers and lists are written in a language. */
export interface TimeWords {
  /** A moment as people say it: `2 minutes ago`. */
  timeAgo(at: Date, now?: Date): Moment
  /** The day of a moment: `12 Jan 2027`. */
  dayOf(at: Date): Moment
  /** `4 March 2027, 14:05 UTC` */
  utc(at: Date): string
  /** `12,345` */
  number(value: number): string
  /** `a, b and c`, `a, b or c` */
  list(items: readonly string[], type?: 'conjunction' | 'disjunction'): string
}

/** Times are UTC, whatever the server's clock is set to. */
export function timeWords(language: Language, t: (key: MessageKey) => string): TimeWords {
  const locale = localeOf(language)
  const marked = (text: string) => (language === markedLanguage ? `⟦${text}⟧` : text)
  const ago = new Intl.RelativeTimeFormat(locale, { numeric: 'always' })
  const exactly = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' })
  const day = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' })
  const long = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' })
  const clock = new Intl.DateTimeFormat(locale, { timeStyle: 'short', timeZone: 'UTC' })
  const numbers = new Intl.NumberFormat(locale)
  const lists = {
    conjunction: new Intl.ListFormat(locale),
    disjunction: new Intl.ListFormat(locale, { type: 'disjunction' }),
  }

  const momentOf = (at: Date, text: string): Moment => ({
    text,
    exact: marked(`${exactly.format(at)} UTC`),
    iso: at.toISOString(),
  })

  return {
    timeAgo(at, now = new Date()) {
      const seconds = (at.getTime() - now.getTime()) / 1000
      const [unit, length] = units.find(([, length]) => Math.abs(seconds) >= length) ?? []
      if (unit === undefined || length === undefined) return momentOf(at, t('page-kit.just_now'))
      return momentOf(at, marked(ago.format(Math.trunc(seconds / length), unit)))
    },
    dayOf: (at) => momentOf(at, marked(day.format(at))),
    utc: (at) => marked(`${long.format(at)}, ${clock.format(at)} UTC`),
    number: (value) => numbers.format(value),
    list: (items, type = 'conjunction') => {
      const parts = lists[type].formatToParts(items)
      return parts.map(({ type: kind, value }) => (kind === 'literal' ? marked(value) : value)).join('')
    },
  }
}
