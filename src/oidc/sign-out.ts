import type Koa from 'koa'
import type { KoaContextWithOIDC, Session } from 'oidc-provider'
import type { RequestDatabase } from '../database/request-transaction.ts'
import { revokeGrantsOfSession } from './grant-queries.ts'

/**
 * Around `POST /oauth/logout/confirm`: signing out ends every grant that the session gave, in all organizations, in the
 * transaction that ends the session. The library itself knows only the latest grant of each client.
 */
export function revokeGrantsOnSignOut(database: RequestDatabase): Koa.Middleware {
  return (ctx, next) =>
    database.inTransaction(async (tx) => {
      await next()
      const session = (ctx as KoaContextWithOIDC).oidc.session as (Session & { destroyed?: boolean }) | undefined
      if (session?.uid && session.destroyed) await revokeGrantsOfSession(tx, session.uid)
    })
}
