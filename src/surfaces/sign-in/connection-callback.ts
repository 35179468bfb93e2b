import type Koa from 'koa'
import { callbackUrl } from '#authentication/connections/connection.ts'
import { findConnectionByHandle, findEnabledConnection } from '#authentication/connections/connection-queries.ts'
import { linkIdentity } from '#authentication/connections/link-identity.ts'
import { UpstreamError } from '#authentication/connections/upstream-error.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { requestIdOf } from '#foundation/http/request-state.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { nameInteraction } from '#protocol/library/interaction-cookies.ts'
import { findBrowserSession } from '#protocol/provider/browser-session.ts'
import { backToSignIn } from './connection-page.ts'
import { type Interaction, requireInteraction } from './interaction.ts'
import { finishConnectionLogin } from './link-account-page.ts'
import type { InteractionParts } from './step.ts'
import { showUpstreamError } from './upstream-error-page.ts'
import type { TryPurpose, UpstreamTransaction } from './upstream-transactions.ts'

const securityPage = '/account/security'
/** Clocks of two servers differ. */
const clockToleranceSeconds = 60

/** A round trip that an administrator made to try a connection. */
export interface TriedReturn extends Return {
  purpose: TryPurpose
}

type CallbackParts = InteractionParts & {
  /** Shows what came of it to the administrator who tried. */
  showTried: (ctx: Koa.Context, tried: TriedReturn) => unknown
}

/**
 * Where identity providers send the browser back to: `/connections/{handle}/callback` after signing in,
 * `/connections/{handle}/signed-out` after signing out. Only the browser that went there gets on, once.
 */
export function connectionCallbackPages(parts: CallbackParts): Route[] {
  return [
    ['GET', '/connections/:handle/callback', (ctx) => comeBack(parts, ctx)],
    ['GET', '/connections/:handle/signed-out', (ctx) => comeBackSignedOut(parts, ctx)],
  ]
}

async function comeBack(parts: CallbackParts, ctx: Koa.Context): Promise<void> {
  // A HEAD request, which no browser makes by itself, would use the answer up.
  if (ctx.method !== 'GET') throw new GatehouseError('invalid_request', 'This address is for browsers.')
  const handle = String(ctx.params.handle)
  const enabled = await findEnabledConnection(parts.db, handle)
  const connection = enabled ?? (await findConnectionByHandle(parts.db, handle))
  const transaction = connection && (await parts.upstreamTransactions.take(ctx, connection))
  if (!connection || !transaction) return showUnasked(parts, ctx)
  const { purpose } = transaction
  if (purpose.kind === 'try') await parts.showTried(ctx, { connection, transaction, purpose })
  else if (!enabled) await showUnasked(parts, ctx)
  else if (purpose.kind === 'link') await comeBackToLink(parts, ctx, { connection, transaction, purpose })
  else await comeBackToSignIn(parts, ctx, { connection, transaction, uid: purpose.interactionUid })
}

async function comeBackSignedOut({ upstreamSignOut }: InteractionParts, ctx: Koa.Context): Promise<void> {
  const location = await upstreamSignOut.finish(ctx, String(ctx.params.handle))
  seeOther(ctx, location ?? '/account/signed-out')
}

interface Return {
  connection: Connection
  transaction: UpstreamTransaction
}

/** Looked at before the code is exchanged: no account is made for a sign-in that can't be finished. */
async function comeBackToSignIn(
  parts: InteractionParts,
  ctx: Koa.Context,
  { connection, transaction, uid }: Return & { uid: string },
): Promise<void> {
  nameInteraction(ctx, uid)
  const provider = parts.provider()
  const interaction: Interaction = await requireInteraction(ctx, provider, uid)
  try {
    const identity = await identify(parts, ctx, { connection, transaction })
    await finishConnectionLogin({ ...parts, ctx, provider, form: {}, interaction }, { connection, identity })
  } catch (error) {
    await showUpstreamError(parts, ctx, { error, connection, back: backToSignIn(interaction) })
  }
}

async function comeBackToLink(
  parts: InteractionParts,
  ctx: Koa.Context,
  { connection, transaction, purpose }: Return & { purpose: { userId: string; sessionUid: string } },
): Promise<void> {
  const session = await findBrowserSession(ctx, parts.provider())
  if (session.userId !== purpose.userId || session.uid !== purpose.sessionUid) return showUnasked(parts, ctx)
  try {
    const identity = await identify(parts, ctx, { connection, transaction })
    const { outcome } = await linkIdentity(
      parts.db,
      { user: { id: session.userId }, sessionUid: session.uid, signedInAt: session.signedInAt },
      { connection, identity, askedAt: new Date(transaction.startedAt * 1000) },
    )
    seeOther(ctx, `${securityPage}?changed=${outcome}`)
  } catch (error) {
    const back = { label: message('page-kit.back_to_security'), href: securityPage }
    await showUpstreamError(parts, ctx, { error, connection, back })
  }
}

async function identify(parts: InteractionParts, ctx: Koa.Context, { connection, transaction }: Return) {
  const callback = new URL(callbackUrl(parts.issuer, connection))
  callback.search = ctx.search
  const identity = await parts.upstreams.identify(connection, callback, transaction)
  const { authenticatedAt } = identity
  const isStale = authenticatedAt !== undefined && authenticatedAt < transaction.startedAt - clockToleranceSeconds
  // It was asked to ask the person again (`prompt=login`), and says itself that it did not.
  if (transaction.fresh && isStale) throw new UpstreamError('untrustworthy', 'auth_time')
  return identity
}

/** An answer that no sign-in waits for: forged, replayed, too late, or meant for another browser or connection. */
export async function showUnasked({ render }: Pick<InteractionParts, 'render'>, ctx: Koa.Context): Promise<void> {
  const locals = {
    title: message('sign-in.unasked.title'),
    message: message('sign-in.unasked.lead'),
    hint: message('sign-in.unasked.hint'),
    back: { label: message('page-kit.sign_in'), href: '/account' },
    requestId: requestIdOf(ctx),
  }
  await render(ctx, 'page-kit/error', locals, { status: 400 })
}
