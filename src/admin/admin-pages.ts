import Router from '@koa/router'
import type Koa from 'koa'
import { adminFrame } from '../account/account-frame.ts'
import { type AccountParts, type AccountRequest, seeOther } from '../account/account-request.ts'
import { type SignInDemand, signedInUsers } from '../account/signed-in-user.ts'
import { organizationApiKeyPages } from '../api-keys/api-key-pages.ts'
import { organizationAuthenticationLogPages } from '../authentication-log/authentication-log-pages.ts'
import { formOf } from '../http/form-body.ts'
import type { Form } from '../http/read-form.ts'
import { type Actor, findActor, requireAdmin } from '../organizations/actor.ts'

/** One request of an administrator for a page about their organization. */
export interface AdminRequest extends AccountRequest {
  actor: Actor
}

type AdminHandler = (request: AdminRequest) => Promise<void>

const empty: Form = {}

/** Pages of an organization's administrators: the organization is the one that they have signed in to. */
export function adminPages(parts: AccountParts): Koa.Middleware {
  const router = new Router({ sensitive: true, strict: true })
  const requireSignedInUser = signedInUsers(parts)

  async function handle(ctx: Koa.Context, form: Form, handler: AdminHandler, demand?: SignInDemand) {
    const signedIn = await requireSignedInUser(ctx, demand)
    if (!signedIn) return
    const actor = await findActor(parts.db, { user: signedIn.user, organizationId: signedIn.organization.id })
    requireAdmin(actor)
    await handler({ ...parts, ctx, form, signedIn, actor, show: adminFrame(parts, ctx, signedIn) })
  }

  function page(path: string, handler: AdminHandler, demand?: SignInDemand) {
    router.get(path, (ctx) => handle(ctx, empty, handler, demand))
  }

  /** Whose session has ended meanwhile comes back to `demand.returnTo`: what the form said is gone. */
  function form(path: string, handler: AdminHandler, demand: SignInDemand & { returnTo: string }) {
    router.post(path, async (ctx) => {
      const posted = await formOf(ctx)
      parts.csrf.require(ctx, posted)
      await handle(ctx, posted, handler, demand)
    })
  }

  router.get('/admin', (ctx) => seeOther(ctx, '/admin/api-keys'))

  organizationApiKeyPages({ page, form })
  organizationAuthenticationLogPages({ page })

  return router.routes() as unknown as Koa.Middleware
}
