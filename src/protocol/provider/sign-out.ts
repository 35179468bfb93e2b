import type Koa from 'koa'
import type { KoaContextWithOIDC, Session } from 'oidc-provider'
import type { Logger } from 'pino'
import { endSession } from '#credentials/revocation/revocation.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'
import { type SendLogoutToken, waitingLogoutTokens } from '#protocol/request/logout-tokens.ts'
import type { UpstreamSignOut } from './upstream-sign-out.ts'

/**
 * Around `POST /oauth/logout/confirm`: signing out ends every grant that the session gave, in all organizations, in the
 * transaction that ends the session. The library itself knows only the latest grant of each client. Clients are told
 * afterwards: one that asks us back finds its tokens dead, and a slow one holds no transaction open. Then the browser is
 * sent to the identity provider that it signed in at, where that is wanted, and from there to where it was going.
 */
export function revokeGrantsOnSignOut(
  requestTransaction: RequestTransaction,
  log: Logger,
  upstreamSignOut: UpstreamSignOut,
): Koa.Middleware {
  return async (ctx, next) => {
    const logoutTokens: SendLogoutToken[] = []
    waitingLogoutTokens.set(ctx, logoutTokens)
    const ended = await requestTransaction.run(async (tx) => {
      await next()
      const session = (ctx as KoaContextWithOIDC).oidc.session as (Session & { destroyed?: boolean }) | undefined
      if (!session?.uid || !session.destroyed) return undefined
      // Of sign-outs at the same moment one ends the session, and that one tells the clients.
      const isFirst = session.accountId !== undefined && (await endSession(tx, session.accountId, session.uid))
      if (!isFirst) logoutTokens.length = 0
      return session
    })
    const failed = (error: unknown) => log.warn({ err: error }, 'back-channel logout failed')
    await Promise.all(logoutTokens.map((send) => send().catch(failed)))
    if (ended) await signOutUpstream(ctx, ended, upstreamSignOut)
  }
}

/** A person who makes room for another, who has just signed in there, must not sign that one out. */
async function signOutUpstream(ctx: Koa.Context, session: Session, upstreamSignOut: UpstreamSignOut): Promise<void> {
  const location = ctx.response.get('location')
  const goesOnSigningIn = new URL(location, ctx.origin).pathname.startsWith('/oauth/authorize/')
  const target = goesOnSigningIn ? undefined : await upstreamSignOut.begin(ctx, session, location)
  if (target) ctx.redirect(target)
}
