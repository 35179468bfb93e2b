import { hash } from 'node:crypto'
import type Koa from 'koa'
import type { FindForExchange } from '#adapters/find-for-exchange.ts'
import { findKeptAnswer } from '#credentials/grants/kept-answers.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { lenientForm } from '#foundation/http/lenient-form.ts'
import { readBody } from '#foundation/http/read-body.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { beginExchange, TokenExchange } from '#protocol/request/token-exchange.ts'
import { namedInExchange } from './named-in-exchange.ts'
import type { SettleExchange } from './settle-exchange.ts'

export interface TokenRequestParts {
  db: Queryable
  encryption: Encryption
  findForExchange: FindForExchange
  settleExchange: SettleExchange
}

/** The first try shares its statements, the second waits for whom it lost to, and a third knows the outcome. */
const mostTries = 4

/**
 * `/oauth/token`: one read, then the library, then one write, in which the spending, the new tokens, the answer kept for a
 * repeat and the entry of the authentication log commit together before the answer leaves. So a node that dies anywhere in
 * between has either done nothing or can be asked again, and no person is signed out by it.
 *
 * What was read may be outdated when it is written: spent, revoked, deleted meanwhile. Then nothing is written, and the
 * request is looked at again from the start, as if it had come later. The identical refresh request within 10 s (a retry,
 * a proxy's replay, a double click) gets the identical answer; any other use of a spent token or code revokes the whole
 * grant (RFC 9700 §4.14). Refusals commit too: that revocation must not be undone. A server error writes nothing.
 *
 * @param library answers the request in `ctx`
 */
export function tokenRequest(parts: TokenRequestParts, library: (ctx: Koa.Context) => Promise<void>) {
  const { db, encryption, findForExchange, settleExchange } = parts

  /** @returns whether it is answered */
  async function tryOnce(ctx: Koa.Context, request: Request, attempt: number): Promise<boolean> {
    const found = await findForExchange(namedInExchange(request.form, ctx.headers.authorization))
    const exchange = new TokenExchange(found, request.hash)
    beginExchange(ctx, exchange)
    // An assertion is good for one request: a repeat of it would not get as far as the token.
    if (request.hash && request.form.client_assertion) exchange.keptAnswer = await findKeptAnswer(db, request.hash)
    if (!exchange.keptAnswer) await library(ctx)
    if (exchange.keptAnswer) repeat(ctx, encryption.decrypt(exchange.keptAnswer))
    if (ctx.status >= 500) return true
    return settleExchange(exchange, { ctx, form: request.form, together: attempt === 1 })
  }

  const middleware: Koa.Middleware = async (ctx) => {
    const body = await readBody(ctx.req)
    const form = await lenientForm(ctx)
    const request = { form, hash: form.refresh_token === undefined ? undefined : requestHash(ctx, body) }
    for (let attempt = 1; attempt <= mostTries; attempt++) {
      // The library makes a context anew for each time that it is asked.
      if (await tryOnce(attempt === 1 ? ctx : Object.create(ctx), request, attempt)) return
    }
    throw new Error('a token request found something else at each try')
  }
  return middleware
}

interface Request {
  form: Form
  /** Of one that presents a refresh token. */
  hash: Buffer | undefined
}

/** Who asks and for what, byte for byte: the client's authentication is part of it. */
function requestHash(ctx: Koa.Context, body: string): Buffer {
  return hash('sha256', `${ctx.headers.authorization ?? ''}\n${ctx.headers.origin ?? ''}\n${body}`, 'buffer')
}

function repeat(ctx: Koa.Context, answer: string): void {
  const { headers, body } = JSON.parse(answer)
  ctx.set({ ...headers, 'Cache-Control': 'no-store' })
  ctx.status = 200
  ctx.body = body
}
