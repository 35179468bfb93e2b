import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import ejs from 'ejs'
import type Koa from 'koa'
import { requestLanguage } from '#foundation/http/request-language.ts'
import { contentSecurityPolicy } from '#foundation/http/security-headers.ts'
import { textsOf } from '#foundation/messages/catalogue.ts'
import { timeElement } from '#foundation/messages/html.ts'
import { directionOf, fallbackLanguage, type Language, languages } from '#foundation/messages/languages.ts'
import { saidIn, type Translator, translatorOf } from '#foundation/messages/translator.ts'
import { accentsOf } from '#foundation/values/accent.ts'
import type { Brand } from '#foundation/values/brand.ts'
import type { Assets } from './assets.ts'
import { type Csrf, csrfField } from './csrf.ts'

/**
 * Renders `views/<view>.ejs` in the layout, in the language of its reader: what the request asks for, else what the
 * organization that the page speaks for has chosen. Views say `t('…', { … })`, `rich(…)` where a sentence holds
 * elements, and `time(date)`; a `Message` among the locals is a text by the time that a view sees it.
 * @param options.formAction where the page's forms may end up besides ourselves
 * @param options.language of a page that is written in one only
 * @param options.sharedSeconds of a page without forms that is the same for everybody: how long caches may keep it
 */
export type Render = (
  ctx: Koa.Context,
  view: string,
  locals: Record<string, unknown>,
  options?: { status?: number; formAction?: readonly string[]; language?: Language; sharedSeconds?: number },
) => Promise<void>

const compress = promisify(gzip)
const views = new URL('../../../views/', import.meta.url)
const gatehouse: Brand = { name: 'Gatehouse' }
const options = { strict: true, localsName: 'page', destructuredLocals: ['t', 'rich', 'time'] }

/** Catalogues are read here, templates compiled once; every page gets its CSRF token, its look and its policy here. */
export function createRenderer({ issuer, assets, csrf }: { issuer: string; assets: Assets; csrf: Csrf }): Render {
  for (const language of languages) textsOf(language)
  const templates = new Map<string, ejs.TemplateFunction>()

  function template(name: string): ejs.TemplateFunction {
    let compiled = templates.get(name)
    if (!compiled) {
      const filename = fileURLToPath(new URL(`${name}.ejs`, views))
      compiled = ejs.compile(readFileSync(filename, 'utf8'), { filename, ...options })
      templates.set(name, compiled)
    }
    return compiled
  }

  return async (ctx, view, locals, { status = 200, formAction = [], language: only, sharedSeconds } = {}) => {
    const language = only ?? requestLanguage(ctx) ?? (locals.brand as Brand | undefined)?.language ?? fallbackLanguage
    const translator = translatorOf(language)
    const page = {
      issuer,
      brand: gatehouse,
      csrfField,
      csrf: sharedSeconds === undefined ? csrf.token(ctx) : undefined,
      assetUrl: assets.url,
      accentUrl: assets.accentUrl,
      language,
      direction: directionOf(language),
      ...wordsOf(translator),
      markColor: (color: string | undefined) => color && accentsOf(color).light,
      ...defined(saidIn(translator, locals) as typeof locals),
    }
    const body = template(view)(page)
    ctx.status = status
    ctx.type = 'html'
    ctx.set('Content-Language', language)
    if (!only) ctx.vary('Accept-Language')
    ctx.set('Content-Security-Policy', contentSecurityPolicy(formAction))
    ctx.set('Cache-Control', sharedSeconds === undefined ? 'no-store' : `public, max-age=${sharedSeconds}`)
    const html = template('page-kit/layout')({ ...page, view, body, title: titleOf(body) })
    if (sharedSeconds === undefined || !isKnown(ctx, html)) await sendPage(ctx, html)
  }
}

/** What views say things with. */
function wordsOf({ t, rich, timeAgo, dayOf, utc, number, list }: Translator) {
  const time = (at: Date) => timeElement(timeAgo(at))
  return { t, rich, time, day: (at: Date) => timeElement(dayOf(at)), timeAgo, dayOf, utc, number, list }
}

/** Whether the one who asks has this page already; it is told so. */
function isKnown(ctx: Koa.Context, html: string): boolean {
  // Weak, for one tag stands for every encoding (RFC 9110 §8.8.1).
  ctx.set('ETag', `W/"${hash('sha256', html, 'hex').slice(0, 12)}"`)
  if (!ctx.fresh) return false
  ctx.status = 304
  return true
}

/** Compressed for a browser that takes it, except after a form: such a page may show a secret, once. */
async function sendPage(ctx: Koa.Context, html: string): Promise<void> {
  ctx.vary('Accept-Encoding')
  if (ctx.method !== 'GET' || ctx.acceptsEncodings('gzip', 'identity') !== 'gzip') {
    ctx.body = html
    return
  }
  ctx.set('Content-Encoding', 'gzip')
  ctx.body = await compress(html)
}

/** The heading is the title: said once, in the view. */
function titleOf(body: string): string {
  return (
    /<h1[^>]*>([\s\S]*?)<\/h1>/
      .exec(body)?.[1]
      ?.replace(/<[^>]*>/g, '')
      .trim() ?? 'Gatehouse'
  )
}

function defined(locals: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(locals).filter(([, value]) => value !== undefined))
}
