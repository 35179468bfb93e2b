import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ejs from 'ejs'
import { directionOf, fallbackLanguage, type Language } from '#foundation/messages/languages.ts'
import { saidIn, translatorOf } from '#foundation/messages/translator.ts'
import { accentsOf } from '#foundation/values/accent.ts'
import type { Brand } from '#foundation/values/brand.ts'
import { inertText } from '#foundation/values/inert-text.ts'
import { type MailBody, type MailLocals, type MailTemplate, mailTemplates } from './mail.ts'

export interface RenderedMail {
  subject: string
  text: string
  html: string
}

const gatehouseAccents = { light: '#3b5bdb', dark: '#8ea2ff' }
/** The look of a mail that is no organization's. */
export const gatehouseBrand: Brand = { name: 'Gatehouse' }

/** Text has nothing to escape: a quote stays a quote. */
const layouts = { html: layout('html'), text: layout('text', { escape: String }) }
const lineLength = 72
const noBreakSpace = '\u00a0'

/**
 * Renders what a mail says in the two layouts of `views/outbox/`. In both, every link is a path of the issuer, and what
 * users have chosen is inert text.
 */
export function renderMail<T extends MailTemplate>({
  issuer,
  brand,
  to,
  template,
  locals,
  language = brand.language ?? fallbackLanguage,
}: {
  issuer: string
  brand: Brand
  to: string
  template: T
  locals: MailLocals<T>
  /** Without one, the brand's. */
  language?: Language | undefined
}): RenderedMail {
  const translator = translatorOf(language)
  const subject = translator.t(mailTemplates[template].subject)
  const says = mailTemplates[template].says as (locals: unknown) => MailBody
  const saying = (inert: (text: string) => string) => saidIn(translator, says(inertLocals(locals, inert))) as object
  const mail = {
    t: translator.t,
    rich: translator.rich,
    language,
    direction: directionOf(language),
    subject,
    issuer,
    host: new URL(issuer).host,
    to,
    brandName: inertText(brand.name),
    branded: brand !== gatehouseBrand,
    accent: brand.accentColor ? accentsOf(brand.accentColor) : gatehouseAccents,
    url: (path: string) => `${issuer}${path}`,
    initial: (name: string) => [...name][0]?.toUpperCase() ?? '',
    wrap,
  }
  return {
    subject,
    text: plain(layouts.text({ ...mail, ...saying(heldTogether) })),
    html: layouts.html({ ...mail, ...saying(inertText) }),
  }
}

/** What is checked by its form (see `mail.ts`) stays as it is; every other string may be a user's choice. */
const checkedByForm = new Set(['linkPath', 'slug', 'changedAt', 'expiresAt', 'at'])

function inertLocals(value: unknown, inert: (text: string) => string, key = ''): unknown {
  if (typeof value === 'string') return checkedByForm.has(key) ? value : inert(value)
  if (Array.isArray(value)) return value.map((item) => inertLocals(item, inert, key))
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, inertLocals(inner, inert, name)]))
  }
  return value
}

/** In text, no line breaks inside a name: its second half, at the start of a line, would read as a line of ours. */
function heldTogether(text: string): string {
  return inertText(text).replaceAll(' ', noBreakSpace)
}

/** Breaks a paragraph between words, so that lines have at most 72 characters where words allow it (RFC 3676 §4.2). */
function wrap(paragraph: string): string {
  const lines: string[] = []
  for (const word of paragraph.split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= lineLength) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines.join('\n')
}

/** Held together no longer, and with the quotation marks that every terminal shows. */
function plain(text: string): string {
  return text
    .replaceAll(noBreakSpace, ' ')
    .replace(/« | »|[“”„]/g, '"')
    .replaceAll('’', "'")
}

function layout(kind: 'html' | 'text', options: Pick<ejs.Options, 'escape'> = {}): ejs.TemplateFunction {
  const filename = fileURLToPath(new URL(`../../../views/outbox/layout.${kind}.ejs`, import.meta.url))
  return ejs.compile(readFileSync(filename, 'utf8'), {
    filename,
    strict: true,
    localsName: 'mail',
    destructuredLocals: ['t', 'rich'],
    ...options,
  })
}
