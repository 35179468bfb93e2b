import type Koa from 'koa'
import { hostCookie } from '#foundation/http/host-cookie.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { authorizationRequest, type UserOfBrowser } from '#surfaces/page-kit/signed-in-user.ts'

const hourMs = 3_600_000

/**
 * The mailed link of a person who has gone to sign in, kept by their browser alone: as part of a return address it would
 * be stored readable with the interaction.
 */
export function keptLink({ issuer, userOfBrowser }: { issuer: string; userOfBrowser: UserOfBrowser }) {
  const name = hostCookie(issuer, 'gatehouse-link')
  const options = { signed: false, httpOnly: true, sameSite: 'lax', path: '/' } as const
  return {
    /** The secret of the link whose page is opened: in the address, or kept since then. */
    tokenOf: (ctx: Koa.Context) =>
      typeof ctx.query.token === 'string' ? ctx.query.token : (ctx.cookies.get(name, options) ?? ''),
    /** Sends the browser to sign in as the person whom the link is about, and back to its page. */
    async signIn(ctx: Koa.Context, { page, token, email }: { page: string; token: string; email: string }) {
      ctx.cookies.set(name, token, { ...options, maxAge: hourMs })
      const other = (await userOfBrowser(ctx)) !== undefined
      seeOther(ctx, authorizationRequest(issuer, page, { login_hint: email, ...(other && { prompt: 'login' }) }))
    },
    forget: (ctx: Koa.Context) => void ctx.cookies.set(name, null, options),
  }
}
