import { hash } from 'node:crypto'
import type Koa from 'koa'
import { findKeptAnswer, keepAnswer } from '#credentials/grants/kept-answers.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'
import { readBody } from '#foundation/http/read-body.ts'
import { type Form, parseForm } from '#foundation/http/read-form.ts'
import { type RefreshRequest, refreshRequest } from '#protocol/request/refresh-request.ts'
import { logTokenRequest } from './log-token-use.ts'

/**
 * Around `/oauth/token`: one request is one transaction, in which the spending, the new tokens and the answer kept for a
 * repeat commit together before the answer leaves. So a node that dies anywhere in between has either done nothing or
 * can be asked again, and no person is signed out by it.
 *
 * The identical refresh request within 10 s (a retry, a proxy's replay, a double click) gets the identical answer; any
 * other use of a spent token revokes the whole grant (refresh-token-reuse.ts). Refusals commit too: that revocation must
 * not be undone. Only a server error rolls back. The authentication log's entry commits with it all.
 */
export function tokenRequest({
  requestTransaction,
  encryption,
}: {
  requestTransaction: RequestTransaction
  encryption: Encryption
}) {
  const middleware: Koa.Middleware = async (ctx, next) => {
    const body = await readBody(ctx.req)
    const form = parseFormLeniently(body)
    const { refresh_token: refreshToken, client_assertion: assertion } = form
    try {
      await requestTransaction.run(async (tx) => {
        const request: RefreshRequest | undefined =
          refreshToken === undefined ? undefined : { hash: requestHash(ctx, body) }
        if (request) refreshRequest.set(ctx, request)
        // An assertion is good for one request: a repeat of it would not get as far as the token.
        if (request && assertion) request.keptAnswer = await findKeptAnswer(tx, request.hash)
        if (!request?.keptAnswer) await next()
        const kept = request?.keptAnswer
        if (kept) repeat(ctx, encryption.decrypt(kept))
        if (ctx.status < 500) await logTokenRequest(tx, ctx, form)
        if (kept) return
        if (request && ctx.status === 200) await keepAnswer(tx, request.hash, encryption.encrypt(answerOf(ctx)))
        if (ctx.status >= 500) throw new RolledBack()
      })
    } catch (error) {
      if (!(error instanceof RolledBack)) throw error
    }
  }
  return middleware
}

class RolledBack extends Error {}

/** Whatever is wrong with the form is for the library to say; a token given twice is no refresh request of ours. */
function parseFormLeniently(body: string): Form {
  try {
    return parseForm(body)
  } catch {
    return {}
  }
}

/** Who asks and for what, byte for byte: the client's authentication is part of it. */
function requestHash(ctx: Koa.Context, body: string): Buffer {
  return hash('sha256', `${ctx.headers.authorization ?? ''}\n${ctx.headers.origin ?? ''}\n${body}`, 'buffer')
}

/** Without these a browser app could not read the repeat of an answer that it could read (CORS). */
const keptHeaders = ['Vary', 'Access-Control-Allow-Origin', 'Access-Control-Expose-Headers']

function answerOf(ctx: Koa.Context): string {
  const headers = keptHeaders.map((name) => [name, ctx.response.get(name)]).filter(([, value]) => value)
  return JSON.stringify({ headers: Object.fromEntries(headers), body: ctx.body })
}

function repeat(ctx: Koa.Context, answer: string): void {
  const { headers, body } = JSON.parse(answer)
  ctx.set({ ...headers, 'Cache-Control': 'no-store' })
  ctx.status = 200
  ctx.body = body
}
