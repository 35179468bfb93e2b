import type Koa from 'koa'
import { firstKnownLanguage, type Language } from '#foundation/messages/languages.ts'
import { RequestState } from './request-state.ts'

/** Of requests that belong to an authorization request, which was made by another. */
const asked = new RequestState<Language>()

/** What an authorization request says of its person's languages (`ui_locales`) holds for every page of it. */
export function keepUiLocales(ctx: Koa.Context, uiLocales: unknown): void {
  const language = languageIn(uiLocales)
  if (language) asked.set(ctx, language)
}

/**
 * The language that a person is to be spoken to in, as far as the request tells: `ui_locales`, of its authorization request
 * or its own, then `Accept-Language` (RFC 9110 §12.5.4).
 */
export function requestLanguage(ctx: Koa.Context): Language | undefined {
  return asked.get(ctx) ?? languageIn(ctx.query.ui_locales) ?? firstKnownLanguage(ctx.acceptsLanguages())
}

function languageIn(uiLocales: unknown): Language | undefined {
  return typeof uiLocales === 'string' ? firstKnownLanguage(uiLocales.split(' ')) : undefined
}
