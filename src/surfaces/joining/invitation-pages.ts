import type Koa from 'koa'
import {
  type Acceptance,
  acceptInvitation,
  acceptInvitationAsNewUser,
  findInvitation,
  type OpenInvitation,
  ownerOf,
} from '#authentication/joining/accept-invitation.ts'
import { invitationPage } from '#authentication/joining/invite-member.ts'
import { newAccountFields } from '#authentication/joining/register-user.ts'
import { brandOf } from '#directory/organizations/organization-brand.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { showDeadLink } from '#surfaces/page-kit/dead-link.ts'
import { formProblems, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import { authorizationRequest, type UserOfBrowser } from '#surfaces/page-kit/signed-in-user.ts'
import { keptLink } from './kept-link.ts'

export interface InvitationPagesParts {
  issuer: string
  db: Queryable
  userOfBrowser: UserOfBrowser
  render: Render
  csrf: Csrf
}

const signInAction = `${invitationPage}/sign-in`

/**
 * What the link of an invitation leads to: a person without an account creates it here, one who has it signs in
 * first. The link shows by GET and is used by POST only.
 */
export function invitationPages({ issuer, db, userOfBrowser, render, csrf }: InvitationPagesParts): Route[] {
  const kept = keptLink({ issuer, userOfBrowser })

  async function openInvitation(ctx: Koa.Context): Promise<void> {
    const token = kept.tokenOf(ctx)
    const invitation = await findInvitation(db, token)
    if (!invitation) return showEnded(ctx)
    await showInvitation(ctx, { invitation, form: { token }, user: await userOfBrowser(ctx) })
  }

  async function postSignIn(ctx: Koa.Context): Promise<void> {
    const { token = '' } = await postedForm(ctx, csrf)
    const invitation = await findInvitation(db, token)
    if (!invitation?.invitee) return showEnded(ctx)
    await kept.signIn(ctx, { page: invitationPage, token, email: invitation.email })
  }

  async function postAcceptance(ctx: Koa.Context): Promise<void> {
    const form = await postedForm(ctx, csrf)
    const token = form.token ?? ''
    const invitation = await findInvitation(db, token)
    if (!invitation) return showEnded(ctx)
    const user = await userOfBrowser(ctx)
    if (user || invitation.invitee) {
      if (!user || user.id !== invitation.invitee?.id) return showInvitation(ctx, { invitation, form, user })
      return finish(ctx, await acceptInvitation(db, { token, user }))
    }
    const problems = await formProblems(newAccountFields(ownerOf(invitation)), form, async ({ name, password }) =>
      finish(ctx, await acceptInvitationAsNewUser(db, { token, name, password })),
    )
    if (problems) await showInvitation(ctx, { invitation, form, user, problems })
  }

  async function showInvitation(
    ctx: Koa.Context,
    shown: { invitation: OpenInvitation; form: Form; user: User | undefined; problems?: typeof noErrors },
  ): Promise<void> {
    const { invitation, form, user, problems = noErrors } = shown
    const { email, organization, inviterName, invitee } = invitation
    const common = {
      brand: brandOf(organization),
      organizationName: organization.name,
      token: form.token,
      signInAction,
    }
    if (user && user.id !== invitee?.id) {
      const locals = { ...common, signedInAs: user.email, hasAccount: invitee !== undefined }
      await render(ctx, 'joining/invitation-other-address', locals, { status: 403 })
      return
    }
    await render(
      ctx,
      'joining/invitation',
      {
        ...common,
        inviterName,
        email,
        action: invitationPage,
        mode: user ? 'accept' : invitee ? 'sign-in' : 'register',
        name: form.name ?? '',
        errors: problems.errors,
      },
      { status: problems.status },
    )
  }

  async function finish(ctx: Koa.Context, acceptance: Acceptance): Promise<void> {
    if (acceptance.outcome !== 'joined') return showEnded(ctx)
    kept.forget(ctx)
    const { user, organization } = acceptance
    seeOther(ctx, authorizationRequest(issuer, '/account', { login_hint: user.email, organization: organization.slug }))
  }

  function showEnded(ctx: Koa.Context): Promise<void> {
    return showDeadLink(render, ctx, undefined, message('joining.invitation.ended'))
  }

  return [
    ['GET', invitationPage, openInvitation],
    ['POST', signInAction, postSignIn],
    ['POST', invitationPage, postAcceptance],
  ]
}
