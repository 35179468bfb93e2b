import Router from '@koa/router'
import type Koa from 'koa'
import { seeOther } from '#foundation/http/see-other.ts'
import { ownApiKeyPages } from '#surfaces/api-keys/api-key-pages.ts'
import { ownAuthenticationLogPages } from '#surfaces/authentication-log/authentication-log-pages.ts'
import { accountFrame } from '#surfaces/page-kit/account-frame.ts'
import { showSignedIn } from '#surfaces/page-kit/signed-in-page.ts'
import { signedInRoutes } from '#surfaces/page-kit/signed-in-routes.ts'
import { freshSignIn } from '#surfaces/page-kit/signed-in-user.ts'
import type { AccountParts, AccountRequest } from './account-request.ts'
import { postLink, postUnlink } from './identity-pages.ts'
import { postOrganization, showOrganizations } from './organizations-page.ts'
import { postName, showProfile } from './profile-pages.ts'
import { confirmIdentity, postPassword, showSecurity } from './security-pages.ts'
import { postEndOtherSessions, postEndSession, showSessions } from './sessions-pages.ts'
import { postSignOut, showSignedOut } from './sign-out-page.ts'

/** The signed-in person's own pages. Paths are matched exactly: `/account/x.css` and `/account/profile/x.css` are 404. */
export function accountPages(parts: AccountParts): Koa.Middleware {
  const router = new Router({ sensitive: true, strict: true })
  const { page, form } = signedInRoutes<AccountRequest>(router, parts, (request) => ({
    ...parts,
    ...request,
    show: accountFrame(parts, request.ctx, request.signedIn),
  }))

  router.get('/account', (ctx) => seeOther(ctx, '/account/profile'))
  router.get('/account/signed-in', (ctx) => showSignedIn(ctx, parts))
  router.get('/account/signed-out', (ctx) => showSignedOut(ctx, parts))
  router.post('/account/sign-out', (ctx) => postSignOut(ctx, parts))

  page('/account/profile', showProfile)
  form('/account/profile', postName, { returnTo: '/account/profile' })

  page('/account/organizations', showOrganizations)
  form('/account/organizations', postOrganization, { returnTo: '/account/organizations' })

  page('/account/sessions', showSessions)
  form('/account/sessions/end', postEndSession, { returnTo: '/account/sessions' })
  form('/account/sessions/end-others', postEndOtherSessions, { returnTo: '/account/sessions' })

  page('/account/security', showSecurity)
  page('/account/security/confirm', confirmIdentity, freshSignIn)
  form('/account/security/password', postPassword, { ...freshSignIn, returnTo: '/account/security' })
  form('/account/security/link', postLink, { ...freshSignIn, returnTo: '/account/security' })
  form('/account/security/unlink', postUnlink, { ...freshSignIn, returnTo: '/account/security' })

  ownApiKeyPages({ page, form })
  ownAuthenticationLogPages({ page })

  return router.routes() as unknown as Koa.Middleware
}
