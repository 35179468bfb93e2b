import { expect, test } from 'vitest'
import { translatorOf } from '#foundation/messages/translator.ts'

const { timeAgo } = translatorOf('en')

const now = new Date('2027-03-04T14:05:00Z')
const second = 1000
const day = 86_400 * second

test.each([
  [0, 'just now'],
  [-59 * second, 'just now'],
  [3 * second, 'just now'],
  [-60 * second, '1 minute ago'],
  [-119 * second, '1 minute ago'],
  [-59 * 60 * second, '59 minutes ago'],
  [-2 * 3600 * second, '2 hours ago'],
  [-day, '1 day ago'],
  [-92 * day, '3 months ago'],
  [-800 * day, '2 years ago'],
  [5 * day, 'in 5 days'],
])('%d ms from now is %s', (difference, words) => {
  expect(timeAgo(new Date(now.getTime() + difference), now).text).toBe(words)
})

test('the exact moment is told in UTC', () => {
  expect(timeAgo(new Date('2027-03-04T14:05:09Z'), now)).toMatchObject({
    exact: '4 Mar 2027, 14:05:09 UTC',
    iso: '2027-03-04T14:05:09.000Z',
  })
})
