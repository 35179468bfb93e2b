import { randomBytes } from 'node:crypto'
import type Koa from 'koa'
import type { Provider } from 'oidc-provider'
import { accountRedirectUri, builtInClientId } from '../clients/built-in-client.ts'
import type { Queryable } from '../database/database.ts'
import type { Organization, User } from '../database/schema.ts'
import { findLiveGrant } from '../oidc/grant-queries.ts'
import { findOrganization } from '../organizations/organization-queries.ts'
import { findActiveUser } from '../users/user-queries.ts'

/** Who uses the account pages, in which organization, and since when they are signed in. */
export interface SignedInUser {
  user: User
  organization: Organization
  sessionUid: string
  signedInAt: Date
}

/**
 * The person behind a request for an account page. Without a session, without an organization, or with a sign-in older
 * than the page allows, the browser is sent through an ordinary authorization request of Gatehouse's own client, and
 * comes back here.
 * @returns undefined when it has been sent away: nothing is left to do
 */
export type RequireSignedInUser = (
  ctx: Koa.Context,
  options?: { signedInWithinSeconds?: number },
) => Promise<SignedInUser | undefined>

/** A second step is asked before whatever changes how one signs in: a sign-in not older than ten minutes. */
export const freshSignIn = { signedInWithinSeconds: 600 }

export function signedInUsers(parts: { provider: () => Provider; db: Queryable; issuer: string }): RequireSignedInUser {
  return async (ctx, { signedInWithinSeconds } = {}) => {
    const signedIn = await findSignedInUser(ctx, parts)
    const tooOld =
      signedIn && signedInWithinSeconds && Date.now() - signedIn.signedInAt.getTime() > signedInWithinSeconds * 1000
    if (signedIn && !tooOld) return signedIn
    const more: Record<string, string> = tooOld ? { max_age: String(signedInWithinSeconds) } : {}
    seeOther(ctx, authorizationRequest(parts.issuer, ctx.method === 'GET' ? ctx.originalUrl : '/account', more))
    return undefined
  }
}

/** Undefined without a session, or before its person has chosen an organization to act in on these pages. */
export async function findSignedInUser(
  ctx: Koa.Context,
  { provider, db }: { provider: () => Provider; db: Queryable },
): Promise<SignedInUser | undefined> {
  const session = await provider().Session.get(ctx as never)
  const { accountId, uid, loginTs } = session
  const grantId = session.grantIdFor(builtInClientId)
  if (!accountId || !grantId) return undefined
  const [user, grant] = await Promise.all([findActiveUser(db, accountId), findLiveGrant(db, grantId)])
  const organization = grant && (await findOrganization(db, grant.organizationId))
  if (!user || !organization) return undefined
  return { user, organization, sessionUid: uid, signedInAt: new Date((loginTs ?? 0) * 1000) }
}

/**
 * The address of an authorization request that leads back to `returnTo`, which travels as `state`. The code that comes
 * with it is not needed: these pages read the session, which lives on this very origin.
 * @param more for example `organization` to switch, `max_age` to ask for the password again
 */
export function authorizationRequest(issuer: string, returnTo: string, more: Record<string, string> = {}): string {
  const url = new URL('/oauth/authorize', issuer)
  url.search = new URLSearchParams({
    client_id: builtInClientId,
    response_type: 'code',
    scope: 'openid',
    redirect_uri: accountRedirectUri(issuer),
    code_challenge: randomBytes(32).toString('base64url'),
    code_challenge_method: 'S256',
    state: returnTo,
    ...more,
  }).toString()
  return url.href
}

/** Where to go after signing in: a path of our own, whatever its spelling, else the account's first page. */
export function safeReturnPath(state: unknown, issuer: string): string {
  if (typeof state !== 'string' || !state.startsWith('/') || !URL.canParse(state, issuer)) return '/account'
  const url = new URL(state, issuer)
  if (url.origin !== issuer || url.pathname.startsWith('/account/signed-in')) return '/account'
  return `${url.pathname}${url.search}`
}

function seeOther(ctx: Koa.Context, location: string): void {
  ctx.status = 303
  ctx.redirect(location)
}
