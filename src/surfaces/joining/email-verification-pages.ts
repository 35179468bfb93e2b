import type Koa from 'koa'
import {
  findEmailVerification,
  requestEmailVerification,
  verifyEmail,
  verifyEmailPage,
} from '#authentication/joining/verify-email.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { showDeadLink } from '#surfaces/page-kit/dead-link.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import type { RequireSignedInUser } from '#surfaces/page-kit/signed-in-user.ts'
import { type AskingParts, notArrived, takeMailRequest, tokenOf } from './asking-for-mail.ts'

export interface EmailVerificationPagesParts extends AskingParts {
  db: Queryable
  outbox: MailOutbox
  csrf: Csrf
  requireSignedInUser: RequireSignedInUser
}

const at = '/account/verify-email'
const askAgain = { label: 'Ask for a new link', href: at }
const sent = { lead: 'We’ve sent you a mail. Open its link to confirm your address.', hint: notArrived }

/** Proving one's address: the mail is asked for signed in, and its link works in any browser. */
export function emailVerificationPages(parts: EmailVerificationPagesParts): Route[] {
  return [
    ['GET', at, (ctx) => showQuestion(parts, ctx)],
    ['POST', at, (ctx) => postQuestion(parts, ctx)],
    ['GET', verifyEmailPage, (ctx) => openConfirmation(parts, ctx)],
    ['POST', verifyEmailPage, (ctx) => postConfirmation(parts, ctx)],
  ]
}

async function showQuestion(parts: EmailVerificationPagesParts, ctx: Koa.Context): Promise<void> {
  const signedIn = await parts.requireSignedInUser(ctx)
  if (!signedIn) return
  const { email, emailVerifiedAt } = signedIn.user
  if (emailVerifiedAt) return showVerified(parts, ctx, email)
  await parts.render(ctx, 'joining/confirm', {
    test: 'ask-verification',
    heading: 'Confirm your address',
    lead: `We mail a link to ${email}.`,
    action: at,
    button: 'Send the link',
  })
}

async function postQuestion(parts: EmailVerificationPagesParts, ctx: Koa.Context): Promise<void> {
  const { render, csrf } = parts
  await postedForm(ctx, csrf)
  const signedIn = await parts.requireSignedInUser(ctx, { returnTo: at })
  if (!signedIn) return
  const { id, email } = signedIn.user
  const limited = await takeMailRequest(parts, ctx, 'verify-email', email)
  if (limited) return render(ctx, 'page-kit/error', { title: 'Too many mails', message: limited }, { status: 429 })
  await requestEmailVerification(parts, id)
  await render(ctx, 'joining/mail-sent', sent, { status: 202 })
}

async function openConfirmation({ db, render }: EmailVerificationPagesParts, ctx: Koa.Context): Promise<void> {
  const token = tokenOf(ctx)
  const email = await findEmailVerification(db, token)
  if (!email) return showDeadLink(render, ctx, askAgain)
  await render(ctx, 'joining/confirm', {
    test: 'verify-email',
    heading: 'Confirm your address',
    lead: `Is ${email} yours?`,
    action: verifyEmailPage,
    token,
    button: 'Confirm address',
  })
}

async function postConfirmation(parts: EmailVerificationPagesParts, ctx: Koa.Context): Promise<void> {
  const { db, csrf, render } = parts
  const { token = '' } = await postedForm(ctx, csrf)
  const user = await verifyEmail(db, token)
  if (!user) return showDeadLink(render, ctx, askAgain)
  await showVerified(parts, ctx, user.email)
}

function showVerified({ render }: EmailVerificationPagesParts, ctx: Koa.Context, email: string): Promise<void> {
  return render(ctx, 'joining/done', {
    heading: 'Your address is confirmed',
    lead: email,
    next: { label: 'To your account', href: '/account' },
  })
}
