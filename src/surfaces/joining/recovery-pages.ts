import type Koa from 'koa'
import {
  findPasswordReset,
  newPasswordPage,
  requestPasswordReset,
  resetPassword,
} from '#authentication/joining/reset-password.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { showDeadLink } from '#surfaces/page-kit/dead-link.ts'
import { fieldErrors, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import type { UserOfBrowser } from '#surfaces/page-kit/signed-in-user.ts'
import { type AskingParts, askForMail, backToSignIn, notArrived, tokenOf } from './asking-for-mail.ts'

export interface RecoveryPagesParts extends AskingParts {
  db: Queryable
  outbox: MailOutbox
  csrf: Csrf
  userOfBrowser: UserOfBrowser
}

const at = '/reset-password'
const askAgain = { label: 'Ask for a new link', href: at }
const ask = {
  test: 'reset-password',
  heading: 'Forgot your password?',
  lead: 'We mail you a link to choose a new one.',
  action: at,
  button: 'Send the link',
  links: backToSignIn,
}
const sent = {
  lead: 'If there is an account with this address, we’ve sent it a mail. Open its link to choose a new password.',
  hint: notArrived,
  links: backToSignIn,
}

/** Recovery: a mailed link, and through it a new password. */
export function recoveryPages(parts: RecoveryPagesParts): Route[] {
  return [
    ['GET', at, (ctx) => parts.render(ctx, 'joining/ask-email', { ...ask, email: '' })],
    ['POST', at, (ctx) => postAddress(parts, ctx)],
    ['GET', newPasswordPage, (ctx) => openNewPassword(parts, ctx)],
    ['POST', newPasswordPage, (ctx) => postNewPassword(parts, ctx)],
  ]
}

async function postAddress(parts: RecoveryPagesParts, ctx: Koa.Context): Promise<void> {
  const form = await postedForm(ctx, parts.csrf)
  const request = (email: string) => requestPasswordReset(parts, email)
  await askForMail(parts, ctx, form, { kind: 'reset-password', ask, request, sent })
}

async function openNewPassword({ db, render }: RecoveryPagesParts, ctx: Koa.Context): Promise<void> {
  const token = tokenOf(ctx)
  const user = await findPasswordReset(db, token)
  if (!user) return showDeadLink(render, ctx, askAgain)
  await showNewPassword(render, ctx, token, user.email)
}

async function postNewPassword(parts: RecoveryPagesParts, ctx: Koa.Context): Promise<void> {
  const { db, csrf, render, userOfBrowser } = parts
  const { token = '', password = '' } = await postedForm(ctx, csrf)
  const user = await findPasswordReset(db, token)
  if (!user) return showDeadLink(render, ctx, askAgain)
  const sessionUserId = (await userOfBrowser(ctx))?.id
  const problems = await fieldErrors(async () => {
    if (!(await resetPassword(parts, { token, password, sessionUserId }))) return showDeadLink(render, ctx, askAgain)
    await render(ctx, 'joining/done', {
      heading: 'Your password is changed',
      lead: 'You are signed out everywhere. Sign in with the new password.',
      next: { label: 'Sign in', href: '/account' },
    })
  })
  if (problems) await showNewPassword(render, ctx, token, user.email, problems)
}

function showNewPassword(
  render: RecoveryPagesParts['render'],
  ctx: Koa.Context,
  token: string,
  email: string,
  problems = noErrors,
): Promise<void> {
  const locals = { email, token, action: newPasswordPage, error: problems.errors.password }
  return render(ctx, 'joining/new-password', locals, { status: problems.status })
}
