import type Koa from 'koa'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import { showSignedIn } from '#surfaces/page-kit/signed-in-page.ts'

export interface AccountPagesParts {
  issuer: string
  csrf: Csrf
  render: Render
  /** @returns where to send the browser that is signed out now */
  signOut: (ctx: Koa.Context, location: string) => Promise<string>
}

/** The doors of a person's own pages: the way in, and the way out. */
export function accountPages(parts: AccountPagesParts): Route[] {
  const { csrf, render, signOut } = parts
  return [
    ['GET', '/account', (ctx) => seeOther(ctx, '/account/profile')],
    // Password managers look here for the page that changes one (W3C, A Well-Known URL for Changing Passwords).
    ['GET', '/.well-known/change-password', (ctx) => seeOther(ctx, '/account/security')],
    ['GET', '/account/api-tokens', (ctx) => seeOther(ctx, '/account/api-keys')],
    ['GET', '/account/signed-in', (ctx) => showSignedIn(ctx, parts)],
    ['POST', '/account/sign-out', (ctx) => postSignOut(ctx, { csrf, signOut })],
    ['GET', '/account/signed-out', (ctx) => render(ctx, 'account/signed-out', {})],
  ]
}

/** Signs out at the first click: the form is ours, and its token says that the person sent it. */
async function postSignOut(ctx: Koa.Context, { csrf, signOut }: Pick<AccountPagesParts, 'csrf' | 'signOut'>) {
  await postedForm(ctx, csrf)
  seeOther(ctx, await signOut(ctx, '/account/signed-out'))
}
