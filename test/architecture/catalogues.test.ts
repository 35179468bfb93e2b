import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { IntlMessageFormat } from 'intl-messageformat'
import { describe, expect, test } from 'vitest'
import { textsOf } from '#foundation/messages/catalogue.ts'
import { fallbackLanguage, languages } from '#foundation/messages/languages.ts'
import { sentence } from '#foundation/messages/sentence.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const sources = globSync(['src/**/*.ts', 'adapters/**/*.ts', 'views/**/*.ejs'], { cwd: root }).map((file) => ({
  file,
  text: readFileSync(`${root}/${file}`, 'utf8'),
}))
const code = sources.map(({ text }) => text).join('\n')
const english = textsOf(fallbackLanguage)
const others = languages.filter((language) => language !== fallbackLanguage)

describe.each(others)('%s', (language) => {
  const texts = textsOf(language)

  test('has every entry that English has, and no other', () => {
    expect([...texts.keys()].sort()).toEqual([...english.keys()].sort())
  })

  test('takes the same values and tags as English', () => {
    const different = [...texts].filter(([key, text]) => {
      const own = namesIn(text)
      return `${own}` !== `${namesIn(english.get(key) ?? '')}`
    })
    expect(different).toEqual([])
  })

  test('says nothing in English, but for words that both have', () => {
    const same = [...texts].filter(([key, text]) => text === english.get(key) && /\p{L}{3,}/u.test(withoutNames(text)))
    expect(same.map(([key, text]) => `${key}: ${text}`)).toEqual(
      same.filter(([, text]) => sharedWords.has(text)).map(([key, text]) => `${key}: ${text}`),
    )
  })
})

/** Written alike in two languages. */
const sharedWords = new Set([
  'API',
  'JWT (RFC 9068)',
  'Token',
  'Code',
  'Application',
  'Actions',
  'Administration',
  'Opaque',
  'Person',
  'direct',
  'Permission',
  '{at, date, long}, {at, time, short} UTC',
  'Sessions',
  'E-mail',
  'Organisation',
  'Status',
  'Name',
  'Administrator',
  'Format',
  'Permissions',
  'Mail',
  'Secret',
  'Secrets',
  'Teams',
  '{count, plural, one {Team} other {Teams}}',
  'Superadmin',
  'Superadmins',
  'Action',
  'Active',
  'Description',
  'Pages',
  'Person',
  'Source',
  'Application',
  'Applications',
  '{count, plural, one {1 session} other {{count, number} sessions}}',
  'Claim',
  'Domain',
  'Domains',
  'PKCE',
  'Team',
])

test('what a view or a handler says is in the English catalogues', () => {
  const unknown = sources.flatMap(({ file, text }) =>
    [...keysNamedIn(text)].filter((key) => !english.has(key)).map((key) => `${file}: ${key}`),
  )
  expect(unknown).toEqual([])
})

test('what people are refused is in the catalogues of refusals', () => {
  const rooms =
    /^src\/(foundation\/values|directory|authentication\/(?!setup|transfer)|surfaces\/(?!api-|cli|direct|doctor|oauth|setup))/
  const said = sources
    .filter(({ file }) => rooms.test(file) && !file.endsWith('-api.ts'))
    .flatMap(({ file, text }) => [...refusalsIn(text)].map((refusal) => ({ file, refusal })))
    .filter(({ refusal }) => !forPrograms.test(refusal))
  const untranslated = said.filter(({ refusal }) => typeof sentence(refusal) === 'string')
  expect(untranslated.map(({ file, refusal }) => `${file}: ${refusal}`)).toEqual([])
})

/** What no page asks for. */
const forPrograms =
  /JWK|jwks|response_types|client_credentials|code needs|\[code\]|resource|next_cursor|must be text|openssl|public key|^(is not( distinct from)?|(Some fields|The expiration|This name) .*7\.)$/

/** A refusal's sentence, and what a schema or a use case says of a field. Values stand for themselves. */
function refusalsIn(text: string): Set<string> {
  const literal = /(?:'((?:[^'\\\n]|\\.)+)'|`([^`]+)`)/.source
  const places = [
    String.raw`new GatehouseError\(\s*'\w+',\s*${literal}`,
    String.raw`const message =\s*${literal}`,
    `message: ${literal}`,
    String.raw`(?:error: |, )${literal}(?=[,)\s}])`,
  ]
  const found = places.flatMap((place) => [...text.matchAll(new RegExp(place, 'g'))])
  const texts = found.map(([, plain, template]) => plain ?? template?.replace(/\$\{[^}]*\}/g, '7') ?? '')
  return new Set(texts.filter((one) => /^[A-Z][^A-Z]* .*\.$|^(must|is|has|names|needs) /.test(one)))
}

test('no view says anything by itself', () => {
  const views = sources.filter(({ file }) => file.endsWith('.ejs') && !file.startsWith('views/api-docs/'))
  const written = views.flatMap(({ file, text }) => textsIn(text).map((said) => `${file}: ${said}`))
  expect(written).toEqual([])
})

/** What stands between tags, and in the attributes that people read, besides what code puts there. */
function textsIn(view: string): string[] {
  const markup = view.replace(/<%[\s\S]*?%>|<style>[\s\S]*?<\/style>/g, '')
  const attributes = [...markup.matchAll(/\s(?:title|aria-label|placeholder|alt)="([^"]*)"/g)].map(
    ([, text = '']) => text,
  )
  return [...markup.split(/<[^>]*>/), ...attributes]
    .map((text) => text.trim())
    .filter((text) => /\p{L}{2}/u.test(text) && text !== 'UTC')
}

test('no page’s handler does either', () => {
  const says = /\b(?:label|title|lead|hint|heading|message|button|note|aside|error): ['`][A-Z][a-z]+[ '`]/g
  const handlers = sources.filter(({ file }) => /^src\/surfaces\/.*-pages?\.ts$/.test(file))
  expect(handlers.flatMap(({ file, text }) => [...text.matchAll(says)].map(([said]) => `${file}: ${said}`))).toEqual([])
})

test('no entry is left that nothing says', () => {
  const unused = [...english.keys()].filter((key) => !isUsed(key))
  expect(unused).toEqual([])
})

/** `t('room.entry'`, `rich('room.entry'`, `message('room.entry'`. */
function keysNamedIn(text: string): Set<string> {
  return new Set([...text.matchAll(/\b(?:t|rich|message)\(\s*'([a-z-]+\.[\w.-]+)'/g)].map(([, key = '']) => key))
}

/**
 * By its whole name in quotes, or by a template with its changing parts: `sign-in.refused.${reason}_hint`. A refusal's entry
 * is its English sentence, with placeholders for what a template puts in.
 */
function isUsed(key: string): boolean {
  if (key.startsWith('errors.')) return saidSentences.some((said) => said.test(key.slice('errors.'.length)))
  return code.includes(`'${key}'`) || templates.some((template) => template.test(key))
}

const templates = [...code.matchAll(/`([a-z-]+\.[\w.${}-]*\$\{[^`]*)`/g)].map(([, template = '']) =>
  patternOf(template, '[\\w-]+'),
)

/** Every text in the code as what it may come out as; in an entry's name, numbers are placeholders. */
const saidSentences = [...code.matchAll(/'((?:[^'\\\n]|\\.)+)'|`([^`]+)`|"((?:[^"\\\n]|\\.)+)"/g)]
  .map(([, single, template, double]) => single ?? template ?? double ?? '')
  .filter((text) => /[a-z] [a-z]|^[a-z]+$/i.test(text))
  .map((text) => patternOf(text.replace(/\\(.)/g, '$1'), '.+'))

function patternOf(template: string, anything: string): RegExp {
  const parts = template
    .split(/\$\{[^}]*\}/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\d+/g, '(?:$&|\\{\\d\\})'))
  return new RegExp(`^${parts.join(anything)}$`)
}

/** Values and tags, each once, in order. */
function namesIn(text: string): string[] {
  const names = new Set<string>()
  collect(new IntlMessageFormat(text, 'en').getAst() as Element[], names)
  return [...names].sort()
}

interface Element {
  /** As the parser counts them: 0 is text, 7 `#`, 8 a tag. */
  type: number
  value?: string
  options?: Record<string, { value: Element[] }>
  children?: Element[]
}

function collect(elements: Element[], names: Set<string>): void {
  for (const { type, value, options, children } of elements) {
    if (type !== 0 && value !== undefined) names.add(type === 8 ? `<${value}>` : value)
    for (const option of Object.values(options ?? {})) collect(option.value, names)
    collect(children ?? [], names)
  }
}

function withoutNames(text: string): string {
  return text.replace(/\{[^}]*\}|<[^>]*>/g, '')
}
