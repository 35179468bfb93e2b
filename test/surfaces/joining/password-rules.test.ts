import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { passwordProblem } from '#authentication/passwords/password-rules.ts'
import { slugOf } from '#directory/organizations/found-organization.ts'

const owner = { email: 'Ada.Lovelace@acme.test', organizations: ['Acme Corporation', 'acme-corp'] }

describe('a new password', () => {
  test.each([
    'correct horse battery staple',
    'x7#kQ2!p',
    '   padded   ',
    'пароль-длинный',
    'ada.lovelace plays chess',
    'password of mine',
    'üä'.repeat(64),
    '😀🙂'.repeat(64),
    '123456790123',
    'acme corporation at work',
  ])('%j will do', (password) => {
    expect(passwordProblem(password, owner)).toBeUndefined()
  })

  test.each([
    ['', 'at least 8'],
    ['1234567', 'at least 8'],
    ['😀😀😀😀', 'at least 8'],
    ['x'.repeat(129), 'at most 128'],
    [`${'😀🙂'.repeat(64)}x`, 'at most 128'],
    ['aaaaaaaaaaaa', 'again and again'],
    ['😀😀😀😀😀😀😀😀', 'again and again'],
    ['        ', 'again and again'],
    ['12345678901234', 'in order'],
    ['98765432109876', 'in order'],
    ['5678901234567', 'in order'],
    ['Acme Corporation', 'organization'],
    ['ACME-corporation', 'organization'],
    ['acme.CORP', 'organization'],
    ['password', 'Many people'],
    ['PassWord1', 'Many people'],
    ['P4$$w0rd1', 'Many people'],
    ['p@ssw0rd!', 'Many people'],
    ['Welcome2025', 'Many people'],
    ['qwertyuiop', 'Many people'],
    ['ada.lovelace', 'Your e-mail address'],
    ['ADA.LOVELACE@acme.test', 'Your e-mail address'],
    ['my ada.lovelace@acme.test', 'Your e-mail address'],
  ])('%j will not', (password, words) => {
    expect(passwordProblem(password, owner)).toContain(words)
  })

  test('the list of common ones is small and lists only what no other rule refuses', () => {
    const text = readFileSync(
      new URL('../../../src/authentication/passwords/common-passwords.txt', import.meta.url),
      'utf8',
    )
    expect(Buffer.byteLength(text)).toBeLessThan(100_000)
    const listed = text.trimEnd().split('\n')
    expect(listed.length).toBeGreaterThan(5_000)
    expect(listed.filter((password) => !passwordProblem(password, owner)?.startsWith('Many people'))).toEqual([])
  })
})

test.each([
  ['Acme Corporation', 'acme-corporation'],
  ['  Müller & Söhne, Straße 5 ', 'muller-sohne-strasse-5'],
  ['株式会社', 'organization'],
  ['X', 'x-organization'],
  ['--', 'organization'],
  ['a'.repeat(200), 'a'.repeat(50)],
  [`${'a'.repeat(49)} b`, 'a'.repeat(49)],
])('the slug of %j', (name, slug) => {
  expect(slugOf(name)).toBe(slug)
  expect(slug).toMatch(/^[a-z0-9-]{2,63}$/)
})
