import type Koa from 'koa'
import type { Logger } from 'pino'
import { GatehouseError } from '#foundation/errors.ts'
import { headersOfError, problemDetails, statusOfCode } from '#foundation/http/problem-details.ts'
import { requestIdOf } from '#foundation/http/request-state.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import type { Render } from './render.ts'

/** Turns what a handler throws into problem details, or into the error page for a client that prefers HTML. */
export function respondToErrors({ render, log }: { render: Render; log: Logger }): Koa.Middleware {
  return async (ctx, next) => {
    try {
      await next()
      if (ctx.status === 404 && ctx.body == null && ctx.respond !== false) {
        throw new GatehouseError('not_found', 'There is nothing at this address.')
      }
    } catch (error) {
      const requestId = requestIdOf(ctx)
      const refusal = error instanceof GatehouseError ? error : undefined
      if (!refusal) log.error({ err: error, requestId, method: ctx.method }, 'request failed')
      const status = refusal ? statusOfCode[refusal.code] : 500
      ctx.set('Cache-Control', 'no-store')
      if (refusal) ctx.set(headersOfError(refusal))
      if (ctx.accepts('json', 'html') === 'html') {
        await render(ctx, 'page-kit/error', { ...errorPage(refusal), requestId }, { status })
        return
      }
      ctx.status = status
      ctx.body = refusal ? problemDetails(refusal, idInBody(refusal, requestId)) : internalError(requestId)
      ctx.type = 'application/problem+json'
    }
  }
}

/** Failed sign-ins are alike to the byte, so their id is in the X-Request-Id header only. */
function idInBody({ code }: GatehouseError, requestId: string): string | undefined {
  return code === 'authentication_required' ? undefined : requestId
}

const titles: Partial<Record<GatehouseError['code'], Message>> = {
  not_found: message('page-kit.error.not_found'),
  permission_denied: message('page-kit.error.permission_denied'),
  too_many_requests: message('page-kit.error.too_many_requests'),
  temporarily_unavailable: message('page-kit.error.temporarily_unavailable'),
}

function errorPage(refusal: GatehouseError | undefined) {
  if (!refusal) {
    return { title: message('page-kit.error.internal'), message: message('page-kit.error.internal_lead') }
  }
  const title = titles[refusal.code] ?? message('page-kit.error.failed')
  return { title, message: sentence(refusal.message) }
}

/** Nothing of what went wrong inside leaves the server but the id under which the log tells it. */
function internalError(requestId: string) {
  return { type: 'about:blank', title: 'Internal error', status: 500, code: 'internal_error', request_id: requestId }
}
