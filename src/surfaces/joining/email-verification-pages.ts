import type Koa from 'koa'
import {
  findEmailVerification,
  requestEmailVerification,
  verifyEmail,
  verifyEmailPage,
} from '#authentication/joining/verify-email.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
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
const askAgain = { label: 'Ask for a new link', href: at }
const sent = { lead: 'We’ve sent you a mail. Open its link to confirm your address.', hint: notArrived }

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
  const limited = await takeMailRequest(parts, ctx, email)
  if (limited) return render(ctx, 'page-kit/error', { title: 'Too many mails', message: limited }, { status: 429 })
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
    heading: 'Confirm your address',
    lead: `Is ${user.email} yours?`,
    facts: factsOfAsking(asked),
    action: verifyEmailPage,
    token,
    button: 'Confirm address',
    ...(!isSignedIn && { aside: takesOver, other: { action: signInAction, button: 'Sign in first', test: 'sign-in' } }),
  })
}

const takesOver =
  'You are not signed in to this account here. If you made it, sign in first. Otherwise confirming makes it yours alone: ' +
  'password, sessions, API keys and linked ways to sign in that it has now end.'

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
    heading: 'Your address is confirmed',
    lead: `The account of ${user.email} is yours alone now. Choose a password to sign in to it.`,
    next: { label: 'Choose a password', href: '/reset-password' },
  })
}

function showVerified({ render }: EmailVerificationPagesParts, ctx: Koa.Context, email: string): Promise<void> {
  return render(ctx, 'joining/done', {
    heading: 'Your address is confirmed',
    lead: email,
    next: { label: 'To your account', href: '/account' },
  })
}
