import type Koa from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { spentMark } from '#adapters/protocol-state.ts'
import type { AcceptedUse } from '#credentials/issued/issue-tokens.ts'
import { type PresentedToken, recordTokenUse } from '#credentials/log/record-token-use.ts'
import type { ReferenceTo } from '#credentials/resolve/credential.ts'
import { sha256, sha256Hex } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { addressOf } from '#foundation/http/request-state.ts'
import { logText } from '#foundation/values/log-text.ts'
import { type FoundForExchange, foundAs, stateName, type TokenExchange } from '#protocol/request/token-exchange.ts'

/** A device asks again and again until its person has decided: that is no use of its code. */
const notYet = ['authorization_pending', 'slow_down']

/**
 * The authentication-log entry of a token request, accepted or refused: of the code or refresh token that it redeems, or
 * of the secret by which a client gets a token for itself.
 * @param tx the request's transaction: the entry commits with what it tells of, before the answer leaves
 */
export async function logTokenRequest(
  tx: Queryable,
  ctx: Koa.Context,
  form: Form,
  exchange: TokenExchange,
): Promise<void> {
  const error = ctx.status === 200 ? undefined : errorOf(ctx)
  if (error !== undefined && notYet.includes(error)) return
  const presented = presentedIn(ctx as KoaContextWithOIDC, form, exchange)
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

function presentedIn(ctx: KoaContextWithOIDC, form: Form, { found }: TokenExchange): PresentedToken | undefined {
  const { grant_type: grantType, refresh_token: refreshToken, code, device_code: deviceCode } = form
  switch (grantType) {
    case 'refresh_token':
      return refreshToken ? { kind: 'refresh_token', hash: sha256(refreshToken) } : undefined
    case 'authorization_code':
      return code ? presentedCode('AuthorizationCode', code, found) : undefined
    case 'urn:ietf:params:oauth:grant-type:device_code':
      return deviceCode ? presentedCode('DeviceCode', deviceCode, found) : undefined
    case 'client_credentials':
      return { kind: 'client_secret', clientId: ctx.oidc?.client?.clientId ?? '' }
    default:
      return undefined
  }
}

function presentedCode(
  model: 'AuthorizationCode' | 'DeviceCode',
  code: string,
  { code: sought }: FoundForExchange,
): PresentedToken {
  const idHash = sha256Hex(code)
  const payload = foundAs(sought, stateName(model, idHash))?.is?.payload
  return {
    kind: kindOfCode[model],
    found: payload !== undefined,
    grantId: payload?.grantId,
    spentMark: spentMark(model, idHash),
    expiresAt: payload?.exp === undefined ? null : new Date(payload.exp * 1000),
  }
}

const kindOfCode = { AuthorizationCode: 'authorization_code', DeviceCode: 'device_code' } as const

/**
 * The same entry of a request that is accepted, of what was found for it: no look-up for most of them.
 * @returns undefined where something was not found beforehand: then `logTokenRequest` writes it
 */
export function useOfTokenRequest(ctx: Koa.Context, form: Form, { found }: TokenExchange): AcceptedUse | undefined {
  const credential = credentialIn(form.grant_type, found)
  if (!credential) return undefined
  const { ip, userAgent, method, path } = circumstances(ctx)
  return { ...credential, via: 'token', ip, userAgent, method, path }
}

function credentialIn(grantType: string | undefined, { client, refreshToken, grant }: FoundForExchange) {
  const person = { credentialId: null, credentialName: null, userEmail: grant?.is?.email ?? null }
  switch (grantType) {
    case 'refresh_token':
      return refreshToken?.is && { ...person, credentialKind: 'refresh_token', credentialId: refreshToken.is.id }
    case 'authorization_code':
      return grant?.is && { ...person, credentialKind: kindOfCode.AuthorizationCode }
    case 'urn:ietf:params:oauth:grant-type:device_code':
      return grant?.is && { ...person, credentialKind: kindOfCode.DeviceCode }
    case 'client_credentials':
      return (
        client?.is && {
          credentialKind: 'client_secret',
          credentialId: client.is.clientId,
          credentialName: client.is.clientName,
          userEmail: null,
        }
      )
    default:
      return undefined
  }
}
