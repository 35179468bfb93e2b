import ejs from 'ejs'
import type { Entry } from './catalogue.ts'
import type { Moment } from './time-words.ts'

/** Markup that needs no more escaping. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }

  toString(): string {
    return this.markup
  }
}

type Attributes = Readonly<Record<string, string | undefined>>

/** What stands for the tags of a message: `{ link: ['a', { href, 'data-test': 'sign-up' }] }`. */
export type ElementsOf = Readonly<Record<string, readonly [element: string, attributes?: Attributes]>>

/** Tags that stand for themselves. */
const plainElements = new Set(['strong', 'em', 'bdi', 'code'])

/** A message as HTML: all that it and its values say is escaped, and only `elements` and the plain ones make tags. */
export function htmlOf(
  entry: Entry,
  values: Record<string, unknown>,
  elements: ElementsOf,
  textOf: (part: unknown) => string,
): Html {
  if (typeof entry === 'string') return new Html(ejs.escapeXML(entry))
  const tags = new Proxy(values, {
    get: (_, name) => values[String(name)] ?? tagOf(String(name), elements),
    has: () => true,
  })
  const parts = entry.formatToParts(tags as Record<string, string>)
  return new Html(parts.map(({ value }) => escaped(value, textOf)).join(''))
}

/** @throws when the message has a tag that the view knows nothing of */
function tagOf(name: string, elements: ElementsOf): (chunks: unknown[]) => Html {
  const [element, attributes = {}] = elements[name] ?? (plainElements.has(name) ? [name] : [])
  if (element === undefined) throw new Error(`a message has <${name}> or {${name}}, which is not given`)
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([attribute, value]) => ` ${attribute}="${ejs.escapeXML(String(value))}"`)
  return (chunks) =>
    new Html(`<${element}${written.join('')}>${chunks.map((chunk) => escaped(chunk)).join('')}</${element}>`)
}

function escaped(part: unknown, textOf: (part: unknown) => string = String): string {
  return part instanceof Html ? part.markup : ejs.escapeXML(textOf(part))
}

/** `<time>`, which tells a machine, and whoever points at it, exactly. */
export function timeElement({ text, exact, iso }: Moment): Html {
  return new Html(`<time datetime="${iso}" title="${ejs.escapeXML(exact)}">${ejs.escapeXML(text)}</time>`)
}
