const units: [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]
const words = new Intl.RelativeTimeFormat('en', { numeric: 'always' })
const exactly = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' })

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' })

/** The day of a moment ("12 Jan 2027"), with what `<time>` needs to say it exactly. */
export function dayOf(at: Date): { text: string; exact: string; iso: string } {
  return { text: day.format(at), exact: `${exactly.format(at)} UTC`, iso: at.toISOString() }
}

/** A moment as people say it ("2 minutes ago"), with what `<time>` needs to say it exactly. */
export function timeAgo(at: Date, now = new Date()): { text: string; exact: string; iso: string } {
  const seconds = (at.getTime() - now.getTime()) / 1000
  const [unit, length] = units.find(([, length]) => Math.abs(seconds) >= length) ?? []
  return {
    text: unit && length ? words.format(Math.trunc(seconds / length), unit) : 'just now',
    exact: `${exactly.format(at)} UTC`,
    iso: at.toISOString(),
  }
}
