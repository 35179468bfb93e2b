import type Koa from 'koa'
import { z } from 'zod'
import { newAccountFields } from '#authentication/joining/register-user.ts'
import {
  completeSignUp,
  findSignUp,
  ownerOf,
  requestSignUp,
  type SignUp,
  signUpDetailsPage,
} from '#authentication/joining/sign-up.ts'
import { brandOf } from '#directory/organizations/organization-brand.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { factsOfAsking } from '#foundation/outbox/mail.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { displayName } from '#foundation/values/names.ts'
import { askingOf } from '#surfaces/page-kit/asking.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { showDeadLink } from '#surfaces/page-kit/dead-link.ts'
import { formProblems, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import { authorizationRequest } from '#surfaces/page-kit/signed-in-user.ts'
import { type AskingParts, askForMail, backToSignIn, notArrived, tokenOf } from './asking-for-mail.ts'

export interface SignUpPagesParts extends AskingParts {
  issuer: string
  db: Queryable
  outbox: MailOutbox
  csrf: Csrf
}

const at = '/sign-up'
const askAgain = { label: 'Ask for a new link', href: at }
const ask = {
  test: 'sign-up',
  heading: 'Create an account',
  lead: 'We mail you a link to go on with.',
  action: at,
  button: 'Send the link',
  links: [{ label: 'Sign in instead', href: '/account', test: 'to-sign-in' }],
}
const sent = { lead: 'We’ve sent you a mail. Open its link to go on.', hint: notArrived, links: backToSignIn }

/**
 * Registration: an address first, and through the link in the mail a name, a password and an organization. The link
 * shows by GET and is used by POST only, because mail scanners open every link.
 */
export function signUpPages(parts: SignUpPagesParts): Route[] {
  return [
    ['GET', at, (ctx) => parts.render(ctx, 'joining/ask-email', { ...ask, email: '' })],
    ['POST', at, (ctx) => postAddress(parts, ctx)],
    ['GET', signUpDetailsPage, (ctx) => openDetails(parts, ctx)],
    ['POST', signUpDetailsPage, (ctx) => postDetails(parts, ctx)],
  ]
}

async function postAddress(parts: SignUpPagesParts, ctx: Koa.Context): Promise<void> {
  const form = await postedForm(ctx, parts.csrf)
  const request = (email: string) => requestSignUp(parts, { email, asked: askingOf(ctx) })
  await askForMail(parts, ctx, form, { kind: 'sign-up', ask, request, sent })
}

async function openDetails({ db, render }: SignUpPagesParts, ctx: Koa.Context): Promise<void> {
  const token = tokenOf(ctx)
  const signUp = await findSignUp(db, token)
  if (!signUp) return showDeadLink(render, ctx, askAgain)
  await showDetails(render, ctx, { token }, signUp)
}

async function postDetails({ db, issuer, csrf, render }: SignUpPagesParts, ctx: Koa.Context): Promise<void> {
  const form = await postedForm(ctx, csrf)
  const token = form.token ?? ''
  const signUp = await findSignUp(db, token)
  if (!signUp) return showDeadLink(render, ctx, askAgain)
  const organization = signUp.organization ? z.string().optional() : displayName
  const fields = newAccountFields(ownerOf(signUp, form.organization)).extend({ organization })
  const problems = await formProblems(fields, form, async ({ name, password, organization = '' }) => {
    const done = await completeSignUp(db, { token, name, password, organizationName: organization })
    if (!done) return showDeadLink(render, ctx, askAgain)
    // `prompt`: another person who is signed in with this browser is not taken for the new one.
    seeOther(ctx, authorizationRequest(issuer, '/account', { login_hint: done.user.email, prompt: 'login' }))
  })
  if (problems) await showDetails(render, ctx, form, signUp, problems)
}

function showDetails(
  render: SignUpPagesParts['render'],
  ctx: Koa.Context,
  form: Form,
  signUp: SignUp,
  problems = noErrors,
): Promise<void> {
  const locals = {
    email: signUp.email,
    facts: factsOfAsking(signUp.asked),
    joins: signUp.organization?.name,
    brand: signUp.organization && brandOf(signUp.organization),
    token: form.token,
    action: signUpDetailsPage,
    name: form.name ?? '',
    organization: form.organization ?? '',
    errors: problems.errors,
  }
  return render(ctx, 'joining/sign-up-details', locals, { status: problems.status })
}
