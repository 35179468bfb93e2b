import type Koa from 'koa'
import type { Provider, Session } from 'oidc-provider'
import { recordSessionUse } from '#credentials/sessions/sessions.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { addressOf } from '#foundation/http/request-state.ts'
import { usedConnections } from '#protocol/library/session-connections.ts'
import { cookieOptions } from '#protocol/request/cookies.ts'
import { slidingSeconds } from './provider.ts'
import { signOutTargets } from './upstream-sign-out.ts'

/** Who is signed in with a browser, for pages of ours. */
export interface BrowserSession {
  uid: string
  /** Undefined when no person is signed in. */
  userId: string | undefined
  signedInAt: Date
  /** Ids of the connections that it went through, the latest last. */
  usedConnections: string[]
  /** Where a form that ends it may lead besides ourselves. */
  signOutTargets: string[]
  /** @returns the id of the grant that it gave to a client last */
  grantIdFor(clientId: string): string | undefined
  /** Notes that it is in use, and prolongs it. @param sessionSeconds after how long without use a session ends */
  keepAlive(parts: { db: Queryable; sessionSeconds: number }): Promise<void>
}

/** The session of the browser that a request comes from. */
export async function findBrowserSession(ctx: Koa.Context, provider: Provider): Promise<BrowserSession> {
  const session = await provider.Session.get(ctx)
  return {
    uid: session.uid,
    userId: session.accountId,
    signedInAt: new Date((session.loginTs ?? 0) * 1000),
    usedConnections: usedConnections(session),
    signOutTargets: signOutTargets(session),
    grantIdFor: (clientId) => session.grantIdFor(clientId),
    keepAlive: (parts) => keepAlive(ctx, session, { ...parts, provider }),
  }
}

/** Part of the window that must have passed before a session is prolonged: it need not be written at every request. */
const worthProlonging = 1 / 24

/** A session slides while it is in use, and its owner sees when and from where that was. */
async function keepAlive(
  ctx: Koa.Context,
  session: Session,
  { provider, db, sessionSeconds }: { provider: Provider; db: Queryable; sessionSeconds: number },
): Promise<void> {
  const { uid, loginTs, exp } = session
  await recordSessionUse(db, { uid, ip: addressOf(ctx) })
  const secondsLeft = exp - Math.floor(Date.now() / 1000)
  const secondsDue = slidingSeconds(sessionSeconds, loginTs)
  if (secondsDue - secondsLeft < sessionSeconds * worthProlonging) return
  await session.save(secondsDue)
  const expires = new Date(Date.now() + secondsDue * 1000)
  ctx.cookies.set(provider.cookieName('session'), session.jti, { ...cookieOptions, expires })
}
