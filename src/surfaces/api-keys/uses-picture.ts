import type { DayOfUses } from '#credentials/log/uses-by-day.ts'
import { dayOf } from '#foundation/values/time-ago.ts'

/** A bar for each day, in a picture 24 high; bars of days without use stay a dot. */
export interface UsesPicture {
  bars: { x: number; top: number; refusedTop?: number; isQuiet: boolean }[]
  /** Says what the bars show. */
  text: string
}

const height = 24
const step = 4
const count = new Intl.NumberFormat('en')

/**
 * The pictures of several keys, to one scale: a glance tells the busy from the idle. It is logarithmic, or one use would
 * vanish beside ten thousand.
 */
export function usesPictures(uses: ReadonlyMap<string, DayOfUses[]>): Map<string, UsesPicture> {
  const most = Math.max(9, ...[...uses.values()].flat().map(totalOf))
  return new Map(
    [...uses].map(([id, days]) => [id, { bars: days.map((day, n) => barOf(day, n, most)), text: textOf(days) }]),
  )
}

function barOf(day: DayOfUses, n: number, most: number): UsesPicture['bars'][number] {
  const total = totalOf(day)
  const length = total === 0 ? 1 : 3 + (height - 3) * (Math.log1p(total) / Math.log1p(most))
  const refused = total === 0 ? 0 : (length * day.refused) / total
  return {
    x: n * step + step / 2,
    top: Math.round(height - length + refused),
    ...(refused > 0 && { refusedTop: Math.round(height - length) }),
    isQuiet: total === 0,
  }
}

function textOf(days: readonly DayOfUses[]): string {
  const total = days.reduce((sum, day) => sum + totalOf(day), 0)
  if (total === 0) return `Not used in ${days.length} days`
  const refused = days.reduce((sum, day) => sum + day.refused, 0)
  const busiest = days.reduce((one, other) => (totalOf(other) > totalOf(one) ? other : one))
  const times = total === 1 ? 'Used once' : `Used ${count.format(total)} times`
  const most =
    total === 1 ? `on ${dayText(busiest)}` : `most on ${dayText(busiest)} (${count.format(totalOf(busiest))})`
  return `${times} in ${days.length} days, ${most}${refused > 0 ? `; ${count.format(refused)} refused` : ''}`
}

function dayText({ day }: DayOfUses): string {
  return dayOf(new Date(`${day}T00:00:00Z`)).text
}

function totalOf({ accepted, refused }: DayOfUses): number {
  return accepted + refused
}
