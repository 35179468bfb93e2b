import type Koa from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { spentMark } from '#adapters/protocol-state.ts'
import { type PresentedToken, recordTokenUse } from '#credentials/log/record-token-use.ts'
import type { ReferenceTo } from '#credentials/resolve/credential.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { addressOf } from '#foundation/http/request-state.ts'
import { logText } from '#foundation/values/log-text.ts'

/** A device asks again and again until its person has decided: that is no use of its code. */
const notYet = ['authorization_pending', 'slow_down']

/**
 * The authentication-log entry of a token request, accepted or refused: of the code or refresh token that it redeems, or
 * of the secret by which a client gets a token for itself.
 * @param tx the request's transaction: the entry commits with what it tells of, before the answer leaves
 */
export async function logTokenRequest(tx: Queryable, ctx: Koa.Context, form: Form): Promise<void> {
  const error = ctx.status === 200 ? undefined : errorOf(ctx)
  if (error !== undefined && notYet.includes(error)) return
  const presented = await presentedIn(ctx as KoaContextWithOIDC, form)
  if (!presented) return
  await recordTokenUse(tx, { presented, error, via: 'token', ...circumstances(ctx) })
}

/** Around `/oauth/userinfo`, which is asked with an access token. */
export function userinfoLog({ db, referenceTo }: { db: Queryable; referenceTo: ReferenceTo }): Koa.Middleware {
  return async (ctx, next) => {
    await next()
    const token = /^bearer +(\S+)$/i.exec(ctx.get('authorization'))?.[1]
    if (!token || ctx.status >= 500) return
    const reference = await referenceTo(token)
    const hash = typeof reference === 'object' ? Buffer.from(reference.hash, 'base64') : sha256(token)
    const error = ctx.status === 200 ? undefined : errorOf(ctx)
    // Only the token's bearer authenticates here, whichever client that is.
    const use = { presented: { kind: 'access_token', hash }, error, via: 'bearer', ...circumstances(ctx) } as const
    await recordTokenUse(db, { ...use, clientId: undefined })
  }
}

function circumstances(ctx: Koa.Context) {
  return {
    clientId: (ctx as KoaContextWithOIDC).oidc?.client?.clientId,
    ip: addressOf(ctx) ?? '',
    userAgent: logText(ctx.get('user-agent')),
    method: ctx.method,
    path: ctx.path,
  }
}

function errorOf(ctx: Koa.Context): string {
  const { error } = (ctx.body ?? {}) as { error?: unknown }
  return typeof error === 'string' ? error : 'invalid_request'
}

async function presentedIn(ctx: KoaContextWithOIDC, form: Form): Promise<PresentedToken | undefined> {
  const { grant_type: grantType, refresh_token: refreshToken, code, device_code: deviceCode } = form
  switch (grantType) {
    case 'refresh_token':
      return refreshToken ? { kind: 'refresh_token', hash: sha256(refreshToken) } : undefined
    case 'authorization_code':
      return code ? presentedCode(ctx, 'AuthorizationCode', code) : undefined
    case 'urn:ietf:params:oauth:grant-type:device_code':
      return deviceCode ? presentedCode(ctx, 'DeviceCode', deviceCode) : undefined
    case 'client_credentials':
      return { kind: 'client_secret', clientId: ctx.oidc?.client?.clientId ?? '' }
    default:
      return undefined
  }
}

async function presentedCode(
  ctx: KoaContextWithOIDC,
  model: 'AuthorizationCode' | 'DeviceCode',
  code: string,
): Promise<PresentedToken> {
  const { entities, provider } = ctx.oidc
  // The library names a code only once it has accepted it.
  const codes = provider[model] as typeof provider.AuthorizationCode
  const record = entities[model] ?? (await codes.find(code, { ignoreExpiration: true }))
  return {
    kind: model === 'AuthorizationCode' ? 'authorization_code' : 'device_code',
    found: record !== undefined,
    grantId: record?.grantId,
    spentMark: spentMark(model, sha256(code).toString('hex')),
    expiresAt: record?.exp === undefined ? null : new Date(record.exp * 1000),
  }
}
