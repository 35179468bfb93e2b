import type Koa from 'koa'
import type { Provider } from 'oidc-provider'
import type { Logger } from 'pino'
import { endSession } from '#credentials/revocation/revocation.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'
import { sendLogoutToken } from '#protocol/library/backchannel-logout.ts'
import { cookieOptions } from '#protocol/request/cookies.ts'
import type { UpstreamSignOut } from './upstream-sign-out.ts'

/**
 * Signs a browser out for a form of ours that its person has sent: the session ends with every grant that it gave, in
 * all organizations, at once and on every node. Clients that want to be told are told afterwards, as after the library's
 * own confirmation (sign-out.ts).
 * @returns where to send the browser next: `location`, or first to an identity provider that signs it out as well
 */
export async function endBrowserSession(
  ctx: Koa.Context,
  { provider, requestTransaction, log, upstreamSignOut }: SignOutParts,
  location: string,
): Promise<string> {
  const session = await provider.Session.get(ctx as never)
  const { uid, accountId } = session
  const isFirst =
    accountId !== undefined &&
    (await requestTransaction.run(async (tx) => {
      const ended = await endSession(tx, accountId, uid)
      await session.destroy()
      return ended
    }))
  ctx.cookies.set(provider.cookieName('session'), null, cookieOptions)
  if (!accountId) return location
  if (isFirst) await tellClients(provider, { accountId, authorizations: session.authorizations ?? {} }, log)
  return (await upstreamSignOut.begin(ctx, session, location)) ?? location
}

interface SignOutParts {
  provider: Provider
  requestTransaction: RequestTransaction
  log: Logger
  upstreamSignOut: UpstreamSignOut
}

async function tellClients(
  provider: Provider,
  { accountId, authorizations }: { accountId: string; authorizations: Record<string, { sid?: string }> },
  log: Logger,
): Promise<void> {
  const failed = (error: unknown) => log.warn({ err: error }, 'back-channel logout failed')
  await Promise.all(
    Object.entries(authorizations).map(async ([clientId, { sid }]) => {
      const client = await provider.Client.find(clientId).catch(() => undefined)
      if (client) await sendLogoutToken(client, accountId, sid).catch(failed)
    }),
  )
}
