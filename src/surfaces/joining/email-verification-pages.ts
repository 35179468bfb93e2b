import type Koa from 'koa'
import {
  findEmailVerification,
  requestEmailVerification,
  verifyEmail,
  verifyEmailPage,
} from '#authentication/joining/verify-email.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import { message } from '#foundation/messages/message.ts'
import { factsOfAsking } from '#foundation/outbox/mail.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { askingOf } from '#surfaces/page-kit/asking.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { showDeadLink } from '#surfaces/page-kit/dead-link.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import type { RequireSignedInUser, UserOfBrowser } from '#surfaces/page-kit/signed-in-user.ts'
import { type AskingParts, notArrived, takeMailRequest } from './asking-for-mail.ts'
import { keptLink } from './kept-link.ts'

export interface EmailVerificationPagesParts extends AskingParts {
  issuer: string
  db: Queryable
  outbox: MailOutbox
  csrf: Csrf
  requireSignedInUser: RequireSignedInUser
  userOfBrowser: UserOfBrowser
}

const at = '/account/verify-email'
const signInAction = `${verifyEmailPage}/sign-in`
const askAgain = { label: message('page-kit.ask_new_link'), href: at }
const sent = { lead: message('joining.verify.sent'), hint: notArrived }

/** Proving one's address: the mail is asked for signed in. Its link works in any browser, but proves the account in one that is signed in. */
export function emailVerificationPages(parts: EmailVerificationPagesParts): Route[] {
  return [
    ['GET', at, (ctx) => showQuestion(parts, ctx)],
    ['POST', at, (ctx) => postQuestion(parts, ctx)],
    ['GET', verifyEmailPage, (ctx) => openConfirmation(parts, ctx)],
    ['POST', verifyEmailPage, (ctx) => postConfirmation(parts, ctx)],
    ['POST', signInAction, (ctx) => postSignIn(parts, ctx)],
  ]
}

async function showQuestion(parts: EmailVerificationPagesParts, ctx: Koa.Context): Promise<void> {
  const signedIn = await parts.requireSignedInUser(ctx)
  if (!signedIn) return
  const { email, emailVerifiedAt } = signedIn.user
  if (emailVerifiedAt) return showVerified(parts, ctx, email)
  await parts.render(ctx, 'joining/confirm', {
    test: 'ask-verification',
    heading: message('joining.verify.title'),
    lead: message('joining.verify.lead', { email }),
    action: at,
    button: message('page-kit.send_the_link'),
  })
}

async function postQuestion(parts: EmailVerificationPagesParts, ctx: Koa.Context): Promise<void> {
  const { render, csrf } = parts
  await postedForm(ctx, csrf)
  const signedIn = await parts.requireSignedInUser(ctx, { returnTo: at })
  if (!signedIn) return
  const { id, email } = signedIn.user
  const limited = await takeMailRequest(parts, ctx, email)
  if (limited)
    return render(
      ctx,
      'page-kit/error',
      { title: message('joining.too_many_mails'), message: limited },
      { status: 429 },
    )
  await requestEmailVerification(parts, { userId: id, asked: askingOf(ctx) })
  await render(ctx, 'joining/mail-sent', sent, { status: 202 })
}

async function openConfirmation(parts: EmailVerificationPagesParts, ctx: Koa.Context): Promise<void> {
  const { db, render, userOfBrowser } = parts
  const token = keptLink(parts).tokenOf(ctx)
  const verification = await findEmailVerification(db, token)
  if (!verification) return showDeadLink(render, ctx, askAgain)
  const { user, asked } = verification
  const isSignedIn = (await userOfBrowser(ctx))?.id === user.id
  await render(ctx, 'joining/confirm', {
    test: 'verify-email',
    heading: message('joining.verify.title'),
    lead: message('joining.verify.question', { email: user.email }),
    facts: factsOfAsking(asked),
    action: verifyEmailPage,
    token,
    button: message('joining.verify.submit'),
    ...(!isSignedIn && {
      aside: takesOver,
      other: { action: signInAction, button: message('joining.verify.sign_in_first'), test: 'sign-in' },
    }),
  })
}

const takesOver = message('joining.verify.takes_over')

async function postSignIn(parts: EmailVerificationPagesParts, ctx: Koa.Context): Promise<void> {
  const { token = '' } = await postedForm(ctx, parts.csrf)
  const verification = await findEmailVerification(parts.db, token)
  if (!verification) return showDeadLink(parts.render, ctx, askAgain)
  await keptLink(parts).signIn(ctx, { page: verifyEmailPage, token, email: verification.user.email })
}

async function postConfirmation(parts: EmailVerificationPagesParts, ctx: Koa.Context): Promise<void> {
  const { db, csrf, render, userOfBrowser } = parts
  const { token = '' } = await postedForm(ctx, csrf)
  const verified = await verifyEmail(db, { token, sessionUserId: (await userOfBrowser(ctx))?.id })
  if (!verified) return showDeadLink(render, ctx, askAgain)
  keptLink(parts).forget(ctx)
  const { user, voided } = verified
  if (!voided) return showVerified(parts, ctx, user.email)
  await render(ctx, 'joining/done', {
    heading: message('joining.verify.confirmed'),
    lead: message('joining.verify.taken_over', { email: user.email }),
    next: { label: message('joining.verify.choose_password'), href: '/reset-password' },
  })
}

function showVerified({ render }: EmailVerificationPagesParts, ctx: Koa.Context, email: string): Promise<void> {
  return render(ctx, 'joining/done', {
    heading: message('joining.verify.confirmed'),
    lead: email,
    next: { label: message('page-kit.to_your_account'), href: '/account' },
  })
}
