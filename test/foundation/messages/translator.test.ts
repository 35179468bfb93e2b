import { expect, test } from 'vitest'
import { firstKnownLanguage } from '#foundation/messages/languages.ts'
import { message } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import { english, saidIn, translatorOf } from '#foundation/messages/translator.ts'

const german = translatorOf('de')
const hostile = `<script>alert(1)</script>"'{name}`

test('a message takes values in its language’s plural', () => {
  expect(german.t('sign-in.choose.teams', { count: 1 })).toBe('1 Team')
  expect(german.t('sign-in.choose.teams', { count: 12_345 })).toBe('12.345 Teams')
  expect(english(message('sign-in.choose.teams', { count: 12_345 }))).toBe('12,345 teams')
})

test('a message among its values is said in the same language, names are joined as it does', () => {
  const hint = message('sign-in.upstream.refused_hint', { tellThem: message('sign-in.upstream.tell_them') })
  expect(german.t(hint)).toMatch(/^Melden Sie sich erneut an\. Wenn es wieder vorkommt, /)
  expect(translatorOf('fr').t('mails.reset_password.also', { names: ['a', 'b', 'c'] })).toContain('a, b et c.')
})

test('a moment is UTC, whatever the server’s clock is set to', () => {
  const at = new Date('2027-03-04T23:05:00Z')
  expect(german.t('page-kit.utc', { at })).toBe('4. März 2027, 23:05 UTC')
  expect(translatorOf('en').t('page-kit.utc', { at })).toBe('4 March 2027, 23:05 UTC')
  expect(german.t('sign-in.consent.title', { client: at as never })).toBe('04.03.2027 zulassen?')
})

test('a sentence with elements escapes its values and makes only the elements that are given', () => {
  const html = german.rich(
    'sign-in.leave.lead',
    { client: hostile, provider: hostile, host: hostile },
    { at: ['strong'] },
  )
  expect(html.markup).not.toMatch(/<(?!strong>|\/strong>)/)
  expect(html.markup).toContain('<strong>&lt;script&gt;')
  expect(html.markup).toContain('{name}')
  expect(() => german.rich('sign-in.leave.lead', { client: '', provider: '', host: '' })).toThrow('<at>')
})

test('messages anywhere among locals become texts, and everything else stays as it is', () => {
  const at = new Date()
  const locals = { rows: [{ label: message('page-kit.help'), at }], name: 'Ada', none: undefined }
  expect(saidIn(german, locals)).toEqual({ rows: [{ label: 'Hilfe', at }], name: 'Ada', none: undefined })
})

test('a refusal is found by its English sentence, numbers apart; one that no catalogue has is said in English', () => {
  expect(german.t(sentence('must be at most 200 characters') as never)).toBe('Höchstens 200 Zeichen sind möglich.')
  expect(english(sentence('must be at most 200 characters'))).toBe('This must be at most 200 characters.')
  expect(sentence('must be a walrus')).toBe('This must be a walrus.')
})

test.each([
  [['fr-CA', 'en'], 'fr'],
  [['tlh', 'de-Latn-AT-1996'], 'de'],
  [['*', '', '-', 'EN-us'], 'en'],
  [['tlh'], undefined],
  [[], undefined],
])('of %j the first that there is', (ranges, language) => {
  expect(firstKnownLanguage(ranges)).toBe(language)
})
