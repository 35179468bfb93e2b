import { type MessageKey, textsOf } from './catalogue.ts'
import { fallbackLanguage } from './languages.ts'
import { Message, type Text } from './message.ts'

const catalogue = 'errors.'

/**
 * What a refusal says, for a page to say in its reader's language. The API's English sentence is itself the name of the
 * entry in the catalogues `errors.json`, so the two cannot drift apart. What changes in a sentence is a placeholder there:
 * `must be at most 200 characters` is found under `must be at most {0} characters`, where a digit stands for a number,
 * and `There is a team Ops already.` under `There is a team {name} already.`
 * @returns English, where no catalogue has it
 */
export function sentence(english: string): Text {
  if (textsOf(fallbackLanguage).has(catalogue + english)) return new Message(keyOf(english), {})
  for (const [name, pattern] of patterns()) {
    const groups = pattern.exec(english)?.groups
    if (groups) return new Message(keyOf(name), valuesOf(groups))
  }
  return atField(english)
}

/** Schemas say `must be …` of a field, beside which it is a sentence. */
function atField(english: string): string {
  return /^(must|is) /.test(english) ? `This ${english}.` : english
}

let compiled: [name: string, pattern: RegExp][] | undefined

function patterns(): [name: string, pattern: RegExp][] {
  compiled ??= [...textsOf(fallbackLanguage).keys()]
    .filter((key) => key.startsWith(catalogue) && key.includes('{'))
    .map((key) => key.slice(catalogue.length))
    .map((name) => [name, patternOf(name)])
  return compiled
}

function patternOf(name: string): RegExp {
  const parts = name.split(/\{(\w+)\}/)
  const source = parts.map((part, n) => (n % 2 === 0 ? escaped(part) : placeholder(part)))
  return new RegExp(`^${source.join('')}$`)
}

function placeholder(name: string): string {
  return /^\d$/.test(name) ? `(?<_${name}>\\d+)` : `(?<${name}>.{1,400})`
}

function valuesOf(groups: Record<string, string>): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(groups).map(([name, value]) =>
      name.startsWith('_') ? [name.slice(1), Number(value)] : [name, value],
    ),
  )
}

function keyOf(name: string): MessageKey {
  return `${catalogue}${name}` as MessageKey
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
