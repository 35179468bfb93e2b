import type Koa from 'koa'
import {
  changeEmail,
  changeEmailPage,
  findEmailChange,
  requestEmailChange,
} from '#authentication/joining/change-email.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import { message } from '#foundation/messages/message.ts'
import { factsOfAsking } from '#foundation/outbox/mail.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { askingOf } from '#surfaces/page-kit/asking.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { showDeadLink } from '#surfaces/page-kit/dead-link.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import { freshSignIn, type RequireSignedInUser, type UserOfBrowser } from '#surfaces/page-kit/signed-in-user.ts'
import { type AskingParts, askForMail, notArrived } from './asking-for-mail.ts'
import { keptLink } from './kept-link.ts'

export interface EmailChangePagesParts extends AskingParts {
  issuer: string
  db: Queryable
  outbox: MailOutbox
  csrf: Csrf
  requireSignedInUser: RequireSignedInUser
  userOfBrowser: UserOfBrowser
}

const at = '/account/email'
const signInAction = `${changeEmailPage}/sign-in`
const demand = { ...freshSignIn, returnTo: at }
const askAgain = { label: message('page-kit.ask_new_link'), href: at }
const backToAccount = [{ label: message('joining.change_email.back'), href: '/account', test: 'to-account' }]
const sent = {
  lead: message('joining.change_email.sent'),
  hint: notArrived,
  links: backToAccount,
}
const addressTaken = {
  title: message('joining.change_email.taken'),
  message: message('joining.change_email.taken_lead'),
  hint: message('joining.change_email.taken_hint'),
  back: { label: message('joining.change_email.choose_another'), href: '/account/email' },
}

/** A new address: asked for with a fresh sign-in, and used once a link in a mail to it was opened, signed in as well. */
export function emailChangePages(parts: EmailChangePagesParts): Route[] {
  return [
    ['GET', at, (ctx) => showQuestion(parts, ctx)],
    ['POST', at, (ctx) => postQuestion(parts, ctx)],
    ['GET', changeEmailPage, (ctx) => openConfirmation(parts, ctx)],
    ['POST', changeEmailPage, (ctx) => postConfirmation(parts, ctx)],
    ['POST', signInAction, (ctx) => postSignIn(parts, ctx)],
  ]
}

async function showQuestion({ requireSignedInUser, render }: EmailChangePagesParts, ctx: Koa.Context): Promise<void> {
  const signedIn = await requireSignedInUser(ctx, demand)
  if (signedIn) await render(ctx, 'joining/ask-email', { ...askOf(signedIn.user.email), email: '' })
}

async function postQuestion(parts: EmailChangePagesParts, ctx: Koa.Context): Promise<void> {
  const form = await postedForm(ctx, parts.csrf)
  const signedIn = await parts.requireSignedInUser(ctx, demand)
  if (!signedIn) return
  const request = (newEmail: string) => requestEmailChange(parts, signedIn, { newEmail, asked: askingOf(ctx) })
  await askForMail(parts, ctx, form, { ask: askOf(signedIn.user.email), request, sent })
}

async function openConfirmation(parts: EmailChangePagesParts, ctx: Koa.Context): Promise<void> {
  await showConfirmation(parts, ctx, keptLink(parts).tokenOf(ctx))
}

async function showConfirmation(parts: EmailChangePagesParts, ctx: Koa.Context, token: string): Promise<void> {
  const { db, render, userOfBrowser } = parts
  const change = await findEmailChange(db, token)
  if (!change) return showDeadLink(render, ctx, askAgain)
  const { user, newEmail } = change
  const isSignedIn = (await userOfBrowser(ctx))?.id === user.id
  await render(ctx, 'joining/confirm', {
    test: 'confirm-email',
    heading: message('joining.change_email.confirm'),
    // The account is named: a mailbox is not to be lent to one that its owner doesn't know.
    lead: message('joining.change_email.confirm_lead', { email: user.email, newEmail }),
    facts: factsOfAsking(change.asked),
    action: isSignedIn ? changeEmailPage : signInAction,
    token,
    button: isSignedIn
      ? message('joining.change_email.use')
      : message('joining.change_email.sign_in_as', { email: user.email }),
    aside: message('joining.change_email.not_you'),
  })
}

async function postSignIn(parts: EmailChangePagesParts, ctx: Koa.Context): Promise<void> {
  const { token = '' } = await postedForm(ctx, parts.csrf)
  const change = await findEmailChange(parts.db, token)
  if (!change) return showDeadLink(parts.render, ctx, askAgain)
  await keptLink(parts).signIn(ctx, { page: changeEmailPage, token, email: change.user.email })
}

async function postConfirmation(parts: EmailChangePagesParts, ctx: Koa.Context): Promise<void> {
  const { csrf, render, userOfBrowser } = parts
  const { token = '' } = await postedForm(ctx, csrf)
  const change = await changeEmail(parts, { token, sessionUserId: (await userOfBrowser(ctx))?.id })
  switch (change.outcome) {
    case 'sign_in_needed':
      return showConfirmation(parts, ctx, token)
    case 'dead':
      return showDeadLink(render, ctx, askAgain)
    case 'taken':
      return render(ctx, 'page-kit/error', addressTaken, { status: 409 })
    case 'changed':
      keptLink(parts).forget(ctx)
      return render(ctx, 'joining/done', {
        heading: message('joining.change_email.changed'),
        lead: message('joining.change_email.changed_lead', { email: change.email }),
        next: { label: message('page-kit.to_your_account'), href: '/account' },
      })
  }
}

function askOf(current: string) {
  return {
    test: 'change-email',
    heading: message('joining.change_email.title'),
    lead: message('joining.change_email.lead', { email: current }),
    label: message('joining.change_email.label'),
    autocomplete: 'email',
    action: at,
    button: message('page-kit.send_the_link'),
    links: backToAccount,
  }
}
