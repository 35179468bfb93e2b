import type Koa from 'koa'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { networkOf } from '#foundation/http/client-address.ts'
import { type FailureLimit, failureLimit } from '#foundation/http/failure-limit.ts'
import { lenientForm } from '#foundation/http/lenient-form.ts'
import { networkLimit } from '#foundation/http/network-limit.ts'
import type { CreateRateLimit } from '#foundation/http/rate-limit.ts'
import { addressOf } from '#foundation/http/request-state.ts'

const minute = 60

/** Wrong secrets of one client from one network: guessing stops, and the client's other machines work on. */
export function wrongSecretLimit(createRateLimit: CreateRateLimit): FailureLimit {
  return failureLimit(createRateLimit, { name: 'client-secret', points: 50, seconds: 5 * minute })
}

/** Under which name the failures of a client are counted. What was presented as its id may be anything. */
export function clientFrom(ip: string, clientId: string | undefined): string {
  return `${networkOf(ip)} ${sha256(clientId ?? '').toString('base64url')}`
}

/** @throws GatehouseError too_many_requests, when there are seconds to wait */
export function refuseUntil(retryAfterSeconds: number): void {
  if (retryAfterSeconds === 0) return
  throw new GatehouseError('too_many_requests', 'Too many tries. Wait a while and try again.', { retryAfterSeconds })
}

/** Around an endpoint that the library authenticates clients at. */
export function limitWrongSecrets(limit: FailureLimit): Koa.Middleware {
  return async (ctx, next) => {
    const key = clientFrom(addressOf(ctx) ?? '', await presentedClient(ctx))
    refuseUntil(limit.blockedSeconds(key))
    await next()
    if ((ctx.body as { error?: unknown } | undefined)?.error === 'invalid_client') refuseUntil(await limit.failed(key))
  }
}

/** What a stranger may have stored: pushed requests and device codes of clients that prove nothing. */
export function limitPublicClients(createRateLimit: CreateRateLimit): Koa.Middleware {
  const limit = networkLimit(createRateLimit, { name: 'public-client', points: 120, seconds: minute })
  return async (ctx, next) => {
    const { client_secret: secret, client_assertion: assertion } = await lenientForm(ctx)
    const provesItself = ctx.get('authorization') !== '' || secret !== undefined || assertion !== undefined
    if (!provesItself) refuseUntil(await limit(addressOf(ctx) ?? ''))
    await next()
  }
}

/** A user code has eight letters, and is good for ten minutes. Only what is refused counts in the end. */
export function limitUserCodes(createRateLimit: CreateRateLimit): Koa.Middleware {
  const tries = createRateLimit({ name: 'user-code', points: 30, seconds: 10 * minute })
  return async (ctx, next) => {
    const network = networkOf(addressOf(ctx) ?? '')
    refuseUntil(await tries.take(network))
    await next()
    if (ctx.status < 400) await tries.giveBack(network)
  }
}

async function presentedClient(ctx: Koa.Context): Promise<string | undefined> {
  const { client_id: clientId } = await lenientForm(ctx)
  const basic = /^basic +(\S+)$/i.exec(ctx.get('authorization'))?.[1]
  return basic === undefined ? clientId : Buffer.from(basic, 'base64').toString().split(':', 1)[0]
}
