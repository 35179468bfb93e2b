import type Koa from 'koa'
import { seeOther } from '#foundation/http/see-other.ts'
import type { Render } from './render.ts'
import { safeReturnPath } from './signed-in-user.ts'

/**
 * Where authorization requests of our own client end (their redirect URI). What the query says is told in words of ours:
 * any site can link to this page.
 */
export async function showSignedIn(
  ctx: Koa.Context,
  { issuer, render }: { issuer: string; render: Render },
): Promise<void> {
  const { error, state } = ctx.query
  if (error === undefined) return seeOther(ctx, safeReturnPath(state, issuer))
  const refused = error === 'access_denied'
  await render(ctx, 'page-kit/not-signed-in', { refused }, { status: refused ? 403 : 400 })
}
