import type Koa from 'koa'
import { seeOther } from '#foundation/http/see-other.ts'
import { endBrowserSession } from '#protocol/provider/end-browser-session.ts'
import { formOf } from '#surfaces/page-kit/form-body.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import type { AccountParts } from './account-request.ts'

/** Signs out at the first click: the form is ours, and its token says that the person sent it (S0-10). */
export async function postSignOut(ctx: Koa.Context, parts: AccountParts): Promise<void> {
  parts.csrf.require(ctx, await formOf(ctx))
  seeOther(ctx, await endBrowserSession(ctx, { ...parts, provider: parts.provider() }, '/account/signed-out'))
}

export async function showSignedOut(ctx: Koa.Context, { render }: { render: Render }): Promise<void> {
  await render(ctx, 'account/signed-out', {})
}
