import { describe, expect, test } from 'vitest'
import { translatorOf } from '#foundation/messages/translator.ts'
import { mailTemplates } from '#foundation/outbox/mail.ts'
import { gatehouseBrand, renderMail } from '#foundation/outbox/render-mail.ts'
import { senderFrom } from '#foundation/outbox/sender.ts'
import { inertText } from '#foundation/values/inert-text.ts'
import { samples, templates, token } from '#support/mail-samples.ts'

const issuer = 'https://id.example.com'
const to = 'ada@acme.test'
const urls = (text: string) => text.match(/[a-z]+:\/\/[^\s"'<>]+/gi) ?? []

describe.each(templates)('the mail %s', (template) => {
  const mail = renderMail({ issuer, brand: gatehouseBrand, to, template, locals: samples[template] })

  test('has links to the issuer only, the same in text and in HTML, and loads nothing', () => {
    for (const url of [...urls(mail.text), ...urls(mail.html)]) expect(url).toMatch(/^https:\/\/id\.example\.com\//)
    expect(new Set(urls(mail.text))).toEqual(new Set([...mail.html.matchAll(/href="([^"]*)"/g)].map(([, url]) => url)))
    expect(mail.html).not.toMatch(/<(img|link|script|iframe|form)|url\(|@import| on\w+=/i)
  })

  test('says why it came, in a calm voice', () => {
    for (const part of [mail.text, mail.html.replace(/<style>.*<\/style>/s, '').replace('<!doctype', '')]) {
      expect(part).toMatch(/You get this mail/)
      expect(part).toContain(`Sent to ${to}`)
      expect(part.replaceAll('!important', '')).not.toContain('!')
    }
    expect(mail.subject).toBe(translatorOf('en').t(mailTemplates[template].subject))
  })
})

test('a mail with a link has it in both parts', () => {
  for (const template of ['verify-email', 'reset-password', 'change-email', 'invitation'] as const) {
    const mail = renderMail({ issuer, brand: gatehouseBrand, to, template, locals: samples[template] })
    expect(mail.text).toContain(`\n${issuer}/link?token=${token}\n`)
    expect(mail.html).toContain(`href="${issuer}/link?token=${token}"`)
  }
})

describe.each([
  ['de', 'Bestätigen Sie Ihre E-Mail-Adresse', 'Angefordert: 4. März 2027, 14:05 UTC', 'Gesendet an ada@acme.test'],
  ['fr', 'Confirmez votre adresse e-mail', 'Demandé: 4 mars 2027 à 14:05 UTC', 'Envoyé à ada@acme.test'],
] as const)('in %s', (language, subject, asked, sent) => {
  test('subject, text and HTML are written in the language', () => {
    const locals = { ...samples['verify-email'], asked: { at: '2027-03-04T14:05:00.000Z', device: 'Firefox on Linux' } }
    const mail = renderMail({ issuer, brand: gatehouseBrand, to, template: 'verify-email', locals, language })
    expect(mail.subject).toBe(subject)
    expect(mail.html).toContain(`<html lang="${language}" dir="ltr">`)
    expect(mail.text).toContain(asked)
    for (const part of [mail.text, mail.html]) expect(part).toContain(sent)
  })

  test.each(templates)('the mail %s says nothing in English', (template) => {
    const mail = renderMail({ issuer, brand: gatehouseBrand, to, template, locals: samples[template], language })
    for (const part of [mail.text, mail.html]) expect(part).not.toMatch(/\b(you|your|this|the|with|sent)\b/i)
  })
})

test('without a language of its own, a mail speaks its organization’s', () => {
  const brand = { name: 'Acme', language: 'fr' as const }
  const { html } = renderMail({ issuer, brand, to, template: 'verify-email', locals: samples['verify-email'] })
  expect(html).toContain('<html lang="fr"')
})

test('the list of organizations names each with its address', () => {
  const template = 'organizations-list'
  const mail = renderMail({ issuer, brand: gatehouseBrand, to, template, locals: samples[template] })
  expect(mail.text).toContain(`"Acme Corporation"\n${issuer}/o/acme\n`)
  expect(mail.text).toContain(`"Globex"\n${issuer}/o/globex\n`)
  expect(mail.html).toContain(`href="${issuer}/o/acme"`)
  expect(mail.html).toContain(`href="${issuer}/o/globex"`)
})

test('an organization lends its name and its colour, made readable in both modes', () => {
  const brand = { name: 'Acme Corporation', accentColor: '#f5c400' }
  const { html, text } = renderMail({ issuer, brand, to, template: 'verify-email', locals: samples['verify-email'] })
  expect(text).toContain('for "Acme Corporation"')
  expect(html).toContain('Sent to ada@acme.test for Acme Corporation by Gatehouse')
  expect(html).toContain('background-color: #f5c400 !important')
  expect(html).not.toContain('background-color:#f5c400')
})

test('names are inert: no markup, no link, no line break, no reversed text', () => {
  const nasty = 'Visit https://evil.example/<a href="//evil.example">win</a>\r\nBcc: x@evil.example \u202etxt'
  const locals = { ...samples.invitation, organizationName: nasty, invitedBy: nasty }
  const { subject, text, html } = renderMail({ issuer, brand: { name: nasty }, to, template: 'invitation', locals })
  for (const part of [text, html]) {
    expect(part).not.toContain('evil.example')
    expect(part).not.toContain('\u202e')
    expect(part).not.toMatch(/^\s*Bcc:/m)
  }
  expect(html).not.toContain('<a href="/')
  expect(subject).toBe('You are invited to an organization')
})

test('a paragraph of text breaks between words, but never inside a name', () => {
  const organizationName = 'The Very Long Company of Everybody Who Ever Waited for a Train, and Sons'
  const locals = { ...samples.invitation, organizationName, invitedBy: 'You are an administrator now' }
  const { text } = renderMail({ issuer, brand: gatehouseBrand, to, template: 'invitation', locals })
  expect(text).toContain(`"You are an administrator now" invites you to join\n"${organizationName}".\n`)
  for (const line of text.split('\n')) {
    if (!/[/]|Company/.test(line)) expect(line.length).toBeLessThanOrEqual(72)
  }
})

test('a mail that was asked for tells by whom, as far as that is known', () => {
  const asked = { at: '2027-03-04T14:05:00.000Z', device: 'Firefox on Linux' }
  for (const template of ['verify-email', 'reset-password', 'link-account'] as const) {
    const mail = (more: object) =>
      renderMail({ issuer, brand: gatehouseBrand, to, template, locals: { ...samples[template], ...more } })
    expect(mail({ asked }).text).toContain('\nAsked: 4 March 2027, 14:05 UTC\nWith:  Firefox on Linux\n')
    expect(mail({ asked: { ...asked, place: 'Example Net' } }).html).toContain('>Example Net</td>')
    expect(mail({}).text).not.toContain('Asked')
  }
})

test('the mail of a reset names what else opens the account', () => {
  const locals = { ...samples['reset-password'], alsoOpening: ['Nightly export', 'Okta', 'GitHub'] }
  const { text } = renderMail({ issuer, brand: gatehouseBrand, to, template: 'reset-password', locals })
  expect(text.replaceAll('\n', ' ')).toContain('besides it: Nightly export, Okta and GitHub.')
})

test.each([
  ['Acme Inc.', 'Acme Inc.'],
  ['Müller & Söhne, Köln', 'Müller & Söhne, Köln'],
  ['evil.example', 'evil.\u200bexample'],
  ['http://x', 'http:\u200b/\u200b/\u200bx'],
  ['a@b', 'a@\u200bb'],
  ['a\u0000\u200b\u2066b\u2029c\n\nd', 'ab c d'],
  ['x'.repeat(200), `${'x'.repeat(99)}…`],
])('inert text of %j', (text, expected) => {
  expect(inertText(text)).toBe(expected)
})

test.each([
  ['id@example.com', '', 'id@example.com'],
  ['Example <id@example.com>', 'Example', 'id@example.com'],
  ['"Example, Inc." <id@example.com>', 'Example, Inc.', 'id@example.com'],
  ['<id@example.com>', '', 'id@example.com'],
])('MAIL_FROM %j', (text, name, address) => {
  expect(senderFrom(text, issuer)).toEqual({ name, address })
})

test('MAIL_FROM is refused by name when it is not one address', () => {
  for (const text of [
    '',
    'nobody',
    'a@b.test, c@d.test',
    'G: a@b.test;',
    'X <a@b.test>\r\nBcc: c@d.test',
    'X\n<a@b.test>',
  ]) {
    expect(() => senderFrom(text, issuer), text).toThrow('MAIL_FROM')
  }
  expect(senderFrom(undefined, issuer)).toEqual({ name: 'Gatehouse', address: 'no-reply@id.example.com' })
  expect(senderFrom(undefined, 'http://127.0.0.1:3000').address).toBe('no-reply@localhost')
})
