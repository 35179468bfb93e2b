import type { DayOfUses } from '#credentials/log/uses-by-day.ts'
import { type Message, message } from '#foundation/messages/message.ts'

/** A bar for each day, in a picture 24 high; bars of days without use stay a dot. */
export interface UsesPicture {
  bars: { x: number; top: number; refusedTop?: number; isQuiet: boolean }[]
  /** Says what the bars show. */
  text: Message
}

const height = 24
const step = 4

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

function textOf(days: readonly DayOfUses[]): Message {
  const total = days.reduce((sum, day) => sum + totalOf(day), 0)
  if (total === 0) return message('api-keys.uses.none', { days: days.length })
  const refused = days.reduce((sum, day) => sum + day.refused, 0)
  const busiest = days.reduce((one, other) => (totalOf(other) > totalOf(one) ? other : one))
  const day = new Date(`${busiest.day}T00:00:00Z`)
  const values = { total, days: days.length, day, most: totalOf(busiest), refused }
  if (total === 1) return message(refused > 0 ? 'api-keys.uses.once_refused' : 'api-keys.uses.once', values)
  return message(refused > 0 ? 'api-keys.uses.often_refused' : 'api-keys.uses.often', values)
}

function totalOf({ accepted, refused }: DayOfUses): number {
  return accepted + refused
}
