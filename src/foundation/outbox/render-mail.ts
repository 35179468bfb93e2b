import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ejs from 'ejs'
import { accentsOf } from '#foundation/values/accent.ts'
import type { Brand } from '#foundation/values/brand.ts'
import { inertText } from '#foundation/values/inert-text.ts'
import { type MailLocals, type MailTemplate, mailTemplates } from './mail.ts'

export interface RenderedMail {
  subject: string
  text: string
  html: string
}

const views = new URL('../../../views/outbox/', import.meta.url)
const gatehouseAccents = { light: '#3b5bdb', dark: '#8ea2ff' }
/** The look of a mail that is no organization's. */
export const gatehouseBrand: Brand = { name: 'Gatehouse' }
const compiled = new Map<string, ejs.TemplateFunction>()
const times = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })

/**
 * Renders `views/outbox/<template>.{html,text}.ejs` in the layout of mails. In both, every link is a path of the issuer,
 * and what users have chosen is inert text.
 */
export function renderMail<T extends MailTemplate>({
  issuer,
  brand,
  to,
  template,
  locals,
}: {
  issuer: string
  brand: Brand
  to: string
  template: T
  locals: MailLocals<T>
}): RenderedMail {
  const { subject } = mailTemplates[template]
  const mail = {
    ...(inertLocals(locals) as Record<string, unknown>),
    subject,
    issuer,
    host: new URL(issuer).host,
    to,
    brandName: inertText(brand.name),
    branded: brand !== gatehouseBrand,
    accent: brand.accentColor ? accentsOf(brand.accentColor) : gatehouseAccents,
    url: (path: string) => `${issuer}${path}`,
    time: (iso: string) => `${times.format(new Date(iso)).replace(' at ', ', ')} UTC`,
    initial: (name: string) => [...name][0]?.toUpperCase() ?? '',
  }
  const inLayout = (kind: 'html' | 'text') => {
    const body = view(`${template}.${kind}`)(mail)
    return view(`layout.${kind}`)({ ...mail, body, title: headingOf(body) })
  }
  return { subject, text: inLayout('text'), html: inLayout('html') }
}

/** What is checked by its form (see `mail.ts`) stays as it is; every other string might be somebody's choice. */
const checkedByForm = new Set(['linkPath', 'slug', 'changedAt', 'expiresAt'])

function inertLocals(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return checkedByForm.has(key) ? value : inertText(value)
  if (Array.isArray(value)) return value.map((item) => inertLocals(item, key))
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, inertLocals(inner, name)]))
  }
  return value
}

/** The heading is said once, in the view; the text layout sets the subject in its place. */
function headingOf(html: string): string {
  return /<h1[^>]*>([\s\S]*?)<\/h1>/.exec(html)?.[1]?.trim() ?? ''
}

function view(name: string): ejs.TemplateFunction {
  let template = compiled.get(name)
  if (!template) {
    const filename = fileURLToPath(new URL(`${name}.ejs`, views))
    // Text has nothing to escape: a quote stays a quote.
    const escaping = name.endsWith('.text') ? { escape: String } : {}
    template = ejs.compile(readFileSync(filename, 'utf8'), {
      filename,
      strict: true,
      localsName: 'mail',
      ...escaping,
    })
    compiled.set(name, template)
  }
  return template
}
