import type Koa from 'koa'
import {
  findPasswordReset,
  newPasswordPage,
  requestPasswordReset,
  resetPassword,
  resetVoidsAll,
} from '#authentication/joining/reset-password.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { Route } from '#foundation/http/router.ts'
import { message } from '#foundation/messages/message.ts'
import { factsOfAsking } from '#foundation/outbox/mail.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { askingOf } from '#surfaces/page-kit/asking.ts'
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
const askAgain = { label: message('page-kit.ask_new_link'), href: at }
const ask = {
  test: 'reset-password',
  heading: message('page-kit.forgot_password'),
  lead: message('joining.reset.lead'),
  action: at,
  button: message('page-kit.send_the_link'),
  links: backToSignIn,
}
const sent = {
  lead: message('joining.reset.sent'),
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
  const request = (email: string) => requestPasswordReset(parts, { email, asked: askingOf(ctx) })
  await askForMail(parts, ctx, form, { ask, request, sent })
}

async function openNewPassword(parts: RecoveryPagesParts, ctx: Koa.Context): Promise<void> {
  await showNewPassword(parts, ctx, { token: tokenOf(ctx) })
}

async function postNewPassword(parts: RecoveryPagesParts, ctx: Koa.Context): Promise<void> {
  const { csrf, render, userOfBrowser } = parts
  const form = await postedForm(ctx, csrf)
  const { token = '', password = '', end_api_keys: endApiKeys, end_identities: endIdentities } = form
  const sessionUserId = (await userOfBrowser(ctx))?.id
  const problems = await fieldErrors(async () => {
    const ends = { endApiKeys: endApiKeys !== undefined, endIdentities: endIdentities !== undefined }
    const user = await resetPassword(parts, { token, password, sessionUserId, ...ends })
    if (!user) return showDeadLink(render, ctx, askAgain)
    await render(ctx, 'joining/done', {
      heading: message('joining.reset.changed'),
      lead: message('joining.reset.changed_lead'),
      next: { label: message('page-kit.sign_in'), href: '/account' },
    })
  })
  if (problems) await showNewPassword(parts, ctx, form, problems)
}

async function showNewPassword(
  { db, render, userOfBrowser }: RecoveryPagesParts,
  ctx: Koa.Context,
  form: Form,
  problems = noErrors,
): Promise<void> {
  const reset = await findPasswordReset(db, form.token ?? '')
  if (!reset) return showDeadLink(render, ctx, askAgain)
  const { user, asked, otherWaysIn } = reset
  const voidsAll = resetVoidsAll(user, (await userOfBrowser(ctx))?.id)
  const offered = [
    { name: 'end_api_keys', label: message('joining.reset.revoke_keys'), of: otherWaysIn.apiKeys },
    { name: 'end_identities', label: message('joining.reset.unlink'), of: otherWaysIn.identities },
  ].filter(({ of }) => of.length > 0)
  const locals = {
    email: user.email,
    facts: factsOfAsking(asked),
    token: form.token,
    action: newPasswordPage,
    error: problems.errors.password,
    voidsAll,
    offered: voidsAll ? [] : offered.map((offer) => ({ ...offer, isChosen: form[offer.name] !== undefined })),
  }
  await render(ctx, 'joining/new-password', locals, { status: problems.status })
}
