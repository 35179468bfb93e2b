import { randomBytes } from 'node:crypto'
import type Koa from 'koa'
import { findEnabledConnectionById } from '#authentication/connections/connection-queries.ts'
import { lacksRequiredConnection } from '#authentication/connections/required-connections.ts'
import { findLiveGrant } from '#credentials/grants/grant-queries.ts'
import { accountRedirectUri, builtInClientId } from '#directory/clients/built-in-client.ts'
import { findOrganization } from '#directory/organizations/organization-queries.ts'
import { type AccountOwner, freshSignInSeconds, isSignInFresh } from '#directory/users/actor.ts'
import { findActiveUser } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization, User } from '#foundation/database/schema.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { withoutKeys } from '#foundation/values/without-keys.ts'
import { type BrowserSession, findBrowserSession } from '#protocol/provider/browser-session.ts'
import type { Provider } from '#protocol/provider/provider.ts'

/** Who uses the account pages, in which organization, and since when they are signed in. */
export interface SignedInUser extends AccountOwner {
  user: User
  organization: Organization
  /** Where the form that signs out may lead besides ourselves. */
  signOutTargets: string[]
}

export interface SignedInUserParts {
  provider: () => Provider
  db: Queryable
  issuer: string
  /** After how long without use a session ends. */
  sessionSeconds: number
}

/** What a page asks of a sign-in. */
export interface SignInDemand {
  signedInWithinSeconds?: number
  /** Where to come back to after signing in. Without it: the page itself, or `/account` after a form. */
  returnTo?: string
}

/**
 * The person behind a request for an account page. Without a session, without an organization, or with a sign-in older
 * than the page allows, the browser is sent through an ordinary authorization request of Gatehouse's own client, and
 * comes back here.
 * @returns undefined when it has been sent away: nothing is left to do
 */
export type RequireSignedInUser = (ctx: Koa.Context, demand?: SignInDemand) => Promise<SignedInUser | undefined>

/** A second step is asked before whatever changes how one signs in: a sign-in not older than ten minutes. */
export const freshSignIn = { signedInWithinSeconds: freshSignInSeconds }

export function signedInUsers(parts: SignedInUserParts): RequireSignedInUser {
  return async (ctx, { signedInWithinSeconds, returnTo = addressToComeBackTo(ctx) } = {}) => {
    const session = await findBrowserSession(ctx, parts.provider())
    const signedIn = await findSignedInUser(session, parts.db)
    if (!signedIn) return seeOther(ctx, authorizationRequest(parts.issuer, returnTo))
    if (signedInWithinSeconds !== undefined && !isSignInFresh(signedIn, signedInWithinSeconds)) {
      const connection = await connectionToConfirmBy(parts.db, session, signedIn.user)
      return seeOther(ctx, confirmationRequest(parts.issuer, returnTo, { signedIn, signedInWithinSeconds, connection }))
    }
    await session.keepAlive(parts)
    return signedIn
  }
}

/** It is kept with the sign-in and shown in addresses, so no API key may stand in it. */
function addressToComeBackTo(ctx: Koa.Context): string {
  return (ctx.method === 'GET' && withoutKeys(ctx.originalUrl)) || '/account'
}

/** Who is signed in with a browser, whether or not they have chosen an organization to act in on our own pages. */
export type UserOfBrowser = (ctx: Koa.Context) => Promise<User | undefined>

export function usersOfBrowsers({ provider, db }: Pick<SignedInUserParts, 'provider' | 'db'>): UserOfBrowser {
  return async (ctx) => {
    const { userId } = await findBrowserSession(ctx, provider())
    return userId ? findActiveUser(db, userId) : undefined
  }
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
  const path = `${url.pathname}${url.search}`
  // `/.//evil.example` is a path of ours when it is read, and another host's once its dots are gone.
  if (url.origin !== issuer || path.startsWith('//') || path.startsWith('/account/signed-in')) return '/account'
  return path
}

/**
 * Undefined without a session, before its person has chosen an organization to act in on these pages, or since that one
 * asks for a sign-in through its own identity provider.
 */
async function findSignedInUser(session: BrowserSession, db: Queryable): Promise<SignedInUser | undefined> {
  const { userId, uid, signedInAt, usedConnections: used, signOutTargets } = session
  const grantId = session.grantIdFor(builtInClientId)
  if (!userId || !grantId) return undefined
  const [user, grant] = await Promise.all([findActiveUser(db, userId), findLiveGrant(db, grantId)])
  const organization = grant && (await findOrganization(db, grant.organizationId))
  if (!user || !organization) return undefined
  if (await lacksRequiredConnection(db, { user, organizationId: organization.id, used })) return undefined
  return { user, organization, sessionUid: uid, signedInAt, signOutTargets }
}

/** Asks the same person to sign in again, and keeps the organization that they are in. */
function confirmationRequest(
  issuer: string,
  returnTo: string,
  { signedIn, signedInWithinSeconds, connection }: Confirmation,
): string {
  return authorizationRequest(issuer, returnTo, {
    max_age: String(signedInWithinSeconds),
    login_hint: signedIn.user.email,
    organization: signedIn.organization.slug,
    ...(connection && { connection }),
  })
}

interface Confirmation {
  signedIn: SignedInUser
  signedInWithinSeconds: number
  connection: string | undefined
}

/** Who has no password goes the way that they came. */
async function connectionToConfirmBy(db: Queryable, session: BrowserSession, user: User): Promise<string | undefined> {
  const id = session.usedConnections.at(-1)
  if (user.passwordHash !== null || id === undefined) return undefined
  return (await findEnabledConnectionById(db, id))?.name
}
