import Router from '@koa/router'
import type Koa from 'koa'
import { type Actor, findActor, requireAdmin } from '#directory/users/actor.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import type { AccountParts, AccountRequest } from '#surfaces/account/account-request.ts'
import { organizationApiKeyPages } from '#surfaces/api-keys/api-key-pages.ts'
import { organizationAuthenticationLogPages } from '#surfaces/authentication-log/authentication-log-pages.ts'
import { adminFrame } from '#surfaces/page-kit/account-frame.ts'
import { signedInRoutes } from '#surfaces/page-kit/signed-in-routes.ts'

/** One request of an administrator for a page about their organization. */
export interface AdminRequest extends AccountRequest {
  actor: Actor
}

/** Pages of an organization's administrators: the organization is the one that they have signed in to. */
export function adminPages(parts: AccountParts): Koa.Middleware {
  const router = new Router({ sensitive: true, strict: true })
  const { page, form } = signedInRoutes<AdminRequest>(router, parts, async (request) => {
    const { ctx, signedIn } = request
    const actor = await findActor(parts.db, { user: signedIn.user, organizationId: signedIn.organization.id })
    requireAdmin(actor)
    return { ...parts, ...request, actor, show: adminFrame(parts, ctx, signedIn) }
  })

  router.get('/admin', (ctx) => seeOther(ctx, '/admin/api-keys'))

  organizationApiKeyPages({ page, form })
  organizationAuthenticationLogPages({ page })

  return router.routes() as unknown as Koa.Middleware
}
