import { IntlMessageFormat } from 'intl-messageformat'
import { entryOf, type MessageKey } from './catalogue.ts'
import { type ElementsOf, type Html, htmlOf } from './html.ts'
import { fallbackLanguage, type Language } from './languages.ts'
import { Message, type Text, type Values } from './message.ts'
import { type TimeWords, timeWords } from './time-words.ts'

/** Says everything in one language. */
export interface Translator extends TimeWords {
  language: Language
  /** Plain text, which is still to be escaped in HTML. */
  t(said: MessageKey | Message, values?: Values): string
  /**
   * HTML of a sentence that holds elements: `<b>…</b>` in the message becomes what `elements` says of `b`. The message's
   * own text and every value are escaped.
   */
  rich(said: MessageKey | Message, values?: RichValues, elements?: ElementsOf): Html
}

type RichValues = Readonly<Record<string, Values[string] | Html>>

const translators = new Map<Language, Translator>()

export function translatorOf(language: Language): Translator {
  let translator = translators.get(language)
  if (!translator) {
    translator = createTranslator(language)
    translators.set(language, translator)
  }
  return translator
}

function createTranslator(language: Language): Translator {
  function t(said: MessageKey | Message, values: Values = {}): string {
    if (said instanceof Message) return t(said.key, said.values)
    const entry = entryOf(language, said)
    return entry instanceof IntlMessageFormat ? written(entry, values) : entry
  }

  function written(entry: IntlMessageFormat, values: Values): string {
    const parts = entry.formatToParts(spoken(values) as Record<string, string>)
    return parts.map(({ value }) => textOf(value)).join('')
  }

  /** A date that the message does not say how to write is said as its day. */
  function textOf(part: unknown): string {
    return part instanceof Date ? words.dayOf(part).text : String(part)
  }

  function rich(said: MessageKey | Message, values: RichValues = {}, elements: ElementsOf = {}): Html {
    if (said instanceof Message) return rich(said.key, { ...said.values, ...values }, elements)
    return htmlOf(entryOf(language, said), spoken(values), elements, textOf)
  }

  function spoken<Value>(values: Readonly<Record<string, Value>>): Record<string, Value | string> {
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, spokenValue(value)]))
  }

  function spokenValue<Value>(value: Value): Value | string {
    if (value instanceof Message) return t(value)
    return Array.isArray(value) ? words.list(value) : value
  }

  const words = timeWords(language, t)
  return { language, t, rich, ...words }
}

/** As the API says it. */
export function english(text: Text): string {
  return typeof text === 'string' ? text : translatorOf(fallbackLanguage).t(text)
}

/** The same locals with every message in them said in a translator's language. */
export function saidIn(translator: Pick<Translator, 't'>, locals: unknown): unknown {
  if (locals instanceof Message) return translator.t(locals)
  if (Array.isArray(locals)) return locals.map((item) => saidIn(translator, item))
  if (!isPlain(locals)) return locals
  return Object.fromEntries(Object.entries(locals).map(([name, value]) => [name, saidIn(translator, value)]))
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  return value.constructor === Object || value.constructor === undefined
}
