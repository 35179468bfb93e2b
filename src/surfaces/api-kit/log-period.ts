import { z } from 'zod'

const dayMs = 86_400_000
const day = z.iso.date()
const moment = z.iso.datetime({ offset: true }).max(40)

/** PostgreSQL's timestamps end before ISO's do, and know no year 0. */
function isInCalendar(text: string): boolean {
  return !text.startsWith('0000') && Number.isFinite(Date.parse(text))
}

const time = z
  .union([moment, day], { error: 'must be a time such as 2027-01-31T12:00:00Z, or a date' })
  .refine(isInCalendar, 'must be a time such as 2027-01-31T12:00:00Z, or a date')

/** From a moment on, or from the start of a day (UTC). */
export const periodStart = time.describe('From this moment on; a date: from its start, UTC')

/** Up to a moment, which is not included, or to the end of a day (UTC). */
export const periodEnd = time.transform(exclusiveEnd).describe('Before this moment; a date: to its end, UTC')

function exclusiveEnd(text: string): string {
  if (!day.safeParse(text).success) return text
  const next = new Date(Date.parse(text) + dayMs).toISOString()
  // After the last day that ISO writes with four digits.
  return next.startsWith('+') ? 'infinity' : next
}
