import type { DayOfActivity } from '#credentials/log/uses-by-day.ts'
import { type Message, message } from '#foundation/messages/message.ts'

/** Thirty days of one thing as bars, 40 high. */
export interface ActivityPicture {
  label: Message
  tone: 'accent' | 'good' | 'bad'
  total: number
  bars: { x: number; top: number; isQuiet: boolean; text: Message }[]
  /** The first day. */
  since: Date
  /** Says what the bars show. */
  text: Message
}

const height = 40
const step = 8

/** Each to its own scale: a failure among ten thousand uses is what one looks for. */
export function activityPictures(days: readonly DayOfActivity[]): ActivityPicture[] {
  return [
    picture(message('authentication-log.picture.sign_ins'), 'good', days, ({ signIns }) => signIns),
    picture(message('authentication-log.picture.uses'), 'accent', days, ({ uses }) => uses),
    picture(message('authentication-log.picture.refused'), 'bad', days, ({ failures }) => failures),
  ]
}

function picture(
  label: Message,
  tone: ActivityPicture['tone'],
  days: readonly DayOfActivity[],
  countOf: (day: DayOfActivity) => number,
): ActivityPicture {
  const most = Math.max(1, ...days.map(countOf))
  const total = days.reduce((sum, day) => sum + countOf(day), 0)
  const busiest = days.reduce((one, other) => (countOf(other) > countOf(one) ? other : one))
  const values = { label, total, days: days.length, day: startOf(busiest), most: countOf(busiest) }
  return {
    label,
    tone,
    total,
    bars: days.map((day, n) => {
      const times = countOf(day)
      return {
        x: n * step + step / 2,
        top: Math.round(height - (times === 0 ? 2 : 4 + ((height - 4) * times) / most)),
        isQuiet: times === 0,
        text: message('authentication-log.picture.bar', { day: startOf(day), times }),
      }
    }),
    since: startOf(days[0]!),
    text: message(total === 0 ? 'authentication-log.picture.none' : 'authentication-log.picture.text', values),
  }
}

function startOf({ day }: DayOfActivity): Date {
  return new Date(`${day}T00:00:00Z`)
}
