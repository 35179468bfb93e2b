import type Router from '@koa/router'
import type Koa from 'koa'
import type { Form } from '#foundation/http/read-form.ts'
import type { AccountParts } from '#surfaces/account/account-request.ts'
import { formOf } from './form-body.ts'
import { type SignedInUser, type SignInDemand, signedInUsers } from './signed-in-user.ts'

/** What a page does; it needs no more of the request than it says. */
export type Handler<Request> = (request: Request) => Promise<void>

/** How pages of signed-in people are added to a family's table of routes. */
export interface SignedInRoutes<Request> {
  page(path: string, handler: Handler<Request>, demand?: SignInDemand): void
  /** Whose session has ended meanwhile comes back to `demand.returnTo`: what the form said is gone. */
  form(path: string, handler: Handler<Request>, demand: SignInDemand & { returnTo: string }): void
}

const empty: Form = {}

/** @param toRequest what the family's pages are given; it may refuse whoever is signed in */
export function signedInRoutes<Request>(
  router: Router,
  parts: AccountParts,
  toRequest: (request: { ctx: Koa.Context; form: Form; signedIn: SignedInUser }) => Request | Promise<Request>,
): SignedInRoutes<Request> {
  const requireSignedInUser = signedInUsers(parts)

  async function handle(ctx: Koa.Context, form: Form, handler: Handler<Request>, demand?: SignInDemand) {
    const signedIn = await requireSignedInUser(ctx, demand)
    if (signedIn) await handler(await toRequest({ ctx, form, signedIn }))
  }

  return {
    page(path, handler, demand) {
      router.get(path, (ctx) => handle(ctx, empty, handler, demand))
    },
    form(path, handler, demand) {
      router.post(path, async (ctx) => {
        const posted = await formOf(ctx)
        parts.csrf.require(ctx, posted)
        await handle(ctx, posted, handler, demand)
      })
    },
  }
}
