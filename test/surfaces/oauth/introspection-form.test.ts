import { describe, expect, test } from 'vitest'
import { parseForm } from '#foundation/http/read-form.ts'
import { introspectionForm } from '#surfaces/oauth/introspection-form.ts'

const names = [
  'token',
  'client_id',
  'client_secret',
  'ip',
  'user_agent',
  'method',
  'path',
  'token_type_hint',
  '',
  '__proto__',
]
const pieces = [
  'a',
  'Z9',
  '-._~',
  '%2F',
  '%2f',
  '+',
  '%20',
  '%',
  '%zz',
  '%C3%A4',
  '%C3',
  'ä',
  '\u{1F600}',
  '=',
  '"',
  '\\',
  '%00',
  '\u0000',
]
const joints = ['&', '&', '&', '&&', ';', '&=']

/** Either way of reading a body: its parameters that are looked at, or what it is refused with. */
function read(parse: () => Record<string, string | undefined>) {
  try {
    const form = parse()
    return Object.fromEntries(names.slice(0, 7).map((name) => [name, form[name]]))
  } catch (error) {
    return (error as Error).message
  }
}

function agree(body: string) {
  const ours = read(() => ({ ...introspectionForm(body) }))
  expect(ours, body).toEqual(read(() => parseForm(body, { anyBytes: true })))
}

describe('the form of an introspection is what the general parser reads', () => {
  test.each([
    ['', 'token', 'token=', '=', '&', 'token=a&', '&token=a', 'token=a&&ip=b', 'token=a&token=b', 'token=&token=b'],
    [
      'token=a=b',
      'token=%',
      'token=%E4&ip=1',
      'to%6ben=a',
      'token+=a',
      'token=a&__proto__=b',
      'token=a&other=b&other=c',
    ],
  ])('for what is unusual: %s, …', (...bodies) => {
    for (const body of bodies) agree(body)
  })

  test('for 50,000 bodies made up of everything that has a meaning in one', () => {
    let seed = 13
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
      return (seed >> 8) % below
    }
    const some = <T>(of: readonly T[]) => of[random(of.length)]!
    for (let n = 0; n < 50_000; n++) {
      const fields = Array.from({ length: 1 + random(5) }, () => {
        const value = Array.from({ length: random(4) }, () => some(pieces)).join('')
        return `${some(names)}${random(12) === 0 ? '' : '='}${value}`
      })
      agree(fields.reduce((body, field) => `${body}${some(joints)}${field}`))
    }
  })
})
