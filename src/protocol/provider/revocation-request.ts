import { stringify } from 'node:querystring'
import type Koa from 'koa'
import type { VerifyJwt } from '#credentials/resolve/credential.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'
import { readBody } from '#foundation/http/read-body.ts'
import { parseForm } from '#foundation/http/read-form.ts'
import { verifiedJwtId } from '#protocol/request/verified-jwt.ts'

/**
 * Around `/oauth/revoke` (RFC 7009): one request is one transaction. The library refuses every JWT, so one of ours is
 * exchanged for its `jti` once its signature is verified. The library then authenticates the client and checks whose
 * token it is, as for any other.
 */
export function revocationRequest({
  requestTransaction,
  verifyJwt,
}: {
  requestTransaction: RequestTransaction
  verifyJwt: () => VerifyJwt
}): Koa.Middleware {
  return async (ctx, next) => {
    const body = await readBody(ctx.req)
    const form = parseForm(body)
    const token = form.token ?? ''
    const jti = token.includes('.') ? await verifyJwt()(token) : undefined
    if (jti) verifiedJwtId.set(ctx, jti)
    Object.assign(ctx.req, { body: jti ? stringify({ ...form, token: jti }) : body })
    await requestTransaction.run(() => next())
  }
}
