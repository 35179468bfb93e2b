import type { DayOfActivity } from '#credentials/log/uses-by-day.ts'
import { dayOf } from '#foundation/values/time-ago.ts'

/** Thirty days of one thing as bars, 40 high. */
export interface ActivityPicture {
  label: string
  tone: 'accent' | 'good' | 'bad'
  total: string
  bars: { x: number; top: number; isQuiet: boolean; text: string }[]
  /** The first day. */
  since: string
  /** Says what the bars show. */
  text: string
}

const height = 40
const step = 8
const count = new Intl.NumberFormat('en')

/** Each to its own scale: a failure among ten thousand uses is what one looks for. */
export function activityPictures(days: readonly DayOfActivity[]): ActivityPicture[] {
  return [
    picture('Sign-ins', 'good', days, ({ signIns }) => signIns),
    picture('Uses of keys and tokens', 'accent', days, ({ uses }) => uses),
    picture('Refused', 'bad', days, ({ failures }) => failures),
  ]
}

function picture(
  label: string,
  tone: ActivityPicture['tone'],
  days: readonly DayOfActivity[],
  countOf: (day: DayOfActivity) => number,
): ActivityPicture {
  const most = Math.max(1, ...days.map(countOf))
  const total = days.reduce((sum, day) => sum + countOf(day), 0)
  const busiest = days.reduce((one, other) => (countOf(other) > countOf(one) ? other : one))
  const peak = total === 0 ? '' : `, most on ${dayText(busiest)} (${count.format(countOf(busiest))})`
  return {
    label,
    tone,
    total: count.format(total),
    bars: days.map((day, n) => {
      const times = countOf(day)
      return {
        x: n * step + step / 2,
        top: Math.round(height - (times === 0 ? 2 : 4 + ((height - 4) * times) / most)),
        isQuiet: times === 0,
        text: `${dayText(day)}: ${count.format(times)}`,
      }
    }),
    since: dayText(days[0]!),
    text: `${label}: ${total === 0 ? 'none' : count.format(total)} in ${days.length} days${peak}`,
  }
}

function dayText({ day }: DayOfActivity): string {
  return dayOf(new Date(`${day}T00:00:00Z`)).text
}
