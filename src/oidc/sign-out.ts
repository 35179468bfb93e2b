import type Koa from 'koa'
import { type KoaContextWithOIDC, Provider, type Session } from 'oidc-provider'
import type { Logger } from 'pino'
import type { RequestDatabase } from '../database/request-transaction.ts'
import { endSession } from '../users/sessions.ts'
import { revokeGrantsOfSession } from './grant-queries.ts'

type SendLogoutToken = () => Promise<void>

/**
 * Around `POST /oauth/logout/confirm`: signing out ends every grant that the session gave, in all organizations, in the
 * transaction that ends the session. The library itself knows only the latest grant of each client. Clients are told
 * afterwards: one that asks us back finds its tokens dead, and a slow one holds no transaction open.
 */
export function revokeGrantsOnSignOut(database: RequestDatabase, log: Logger): Koa.Middleware {
  return async (ctx, next) => {
    const logoutTokens: SendLogoutToken[] = []
    ctx.state.logoutTokens = logoutTokens
    await database.inTransaction(async (tx) => {
      await next()
      const session = (ctx as KoaContextWithOIDC).oidc.session as (Session & { destroyed?: boolean }) | undefined
      if (!session?.uid || !session.destroyed) return
      await revokeGrantsOfSession(tx, session.uid)
      if (session.accountId) await endSession(tx, session.accountId, session.uid)
    })
    const failed = (error: unknown) => log.warn({ err: error }, 'back-channel logout failed')
    await Promise.all(logoutTokens.map((send) => send().catch(failed)))
  }
}

/** The library would tell the clients while their tokens are still alive: what it sends is kept for the end instead. */
export function sendLogoutTokensLast(provider: Provider): void {
  const client = provider.Client.prototype as unknown as { backchannelLogout: BackchannelLogout }
  const send = client.backchannelLogout
  client.backchannelLogout = async function keep(sub, sid) {
    const logoutTokens = Provider.ctx?.state.logoutTokens as SendLogoutToken[] | undefined
    if (!logoutTokens) return send.call(this, sub, sid)
    logoutTokens.push(() => send.call(this, sub, sid))
  }
}

type BackchannelLogout = (this: unknown, sub: string, sid: string) => Promise<void>
