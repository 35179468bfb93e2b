import Router from '@koa/router'
import type Koa from 'koa'
import { z } from 'zod'
import {
  changeEmail,
  changeEmailPage,
  findEmailChange,
  requestEmailChange,
} from '#authentication/joining/change-email.ts'
import { newAccountFields } from '#authentication/joining/register-user.ts'
import {
  findPasswordReset,
  newPasswordPage,
  requestPasswordReset,
  resetPassword,
} from '#authentication/joining/reset-password.ts'
import {
  completeSignUp,
  findSignUp,
  requestSignUp,
  type SignUp,
  signUpDetailsPage,
} from '#authentication/joining/sign-up.ts'
import {
  findEmailVerification,
  requestEmailVerification,
  verifyEmail,
  verifyEmailPage,
} from '#authentication/joining/verify-email.ts'
import type { MailRequest, MailRequestLimit } from '#authentication/mail-links/mail-request-limit.ts'
import { brandOf } from '#directory/organizations/organization-brand.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { displayName } from '#foundation/values/names.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { showDeadLink } from '#surfaces/page-kit/dead-link.ts'
import { formOf } from '#surfaces/page-kit/form-body.ts'
import { fieldErrors, formProblems, noErrors } from '#surfaces/page-kit/form-problems.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import { authorizationRequest, freshSignIn, type RequireSignedInUser } from '#surfaces/page-kit/signed-in-user.ts'

export interface AccountLifeParts {
  issuer: string
  db: Queryable
  outbox: MailOutbox
  render: Render
  csrf: Csrf
  clientAddress: ClientAddress
  mailRequestLimit: MailRequestLimit
  requireSignedInUser: RequireSignedInUser
  signUp: 'open' | 'closed'
}

/**
 * The pages by which an account begins and changes through a mail: asking for the mail, and what its link leads to. A
 * link's page is shown by GET and used by POST only, because mail scanners open every link.
 */
export function accountLifePages(parts: AccountLifeParts): Koa.Middleware {
  // `/sign-up.css` and `/Sign-Up/` are none of ours: a page under a second name could be cached or mistaken.
  const router = new Router({ sensitive: true, strict: true })
  if (parts.signUp === 'open') signUpRoutes(router, parts)
  resetRoutes(router, parts)
  verificationRoutes(router, parts)
  emailRoutes(router, parts)
  return router.routes() as unknown as Koa.Middleware
}

function signUpRoutes(router: Router, parts: AccountLifeParts): void {
  const { db, render, issuer } = parts
  const ask = {
    test: 'sign-up',
    heading: 'Create an account',
    lead: 'We mail you a link to go on with.',
    action: '/sign-up',
    button: 'Send the link',
    links: [{ label: 'Sign in instead', href: '/account', test: 'to-sign-in' }],
  }
  const showDetails = (ctx: Koa.Context, form: Form, signUp: SignUp, problems = noErrors) =>
    render(
      ctx,
      'joining/sign-up-details',
      {
        email: signUp.email,
        joins: signUp.organization?.name,
        brand: signUp.organization && brandOf(signUp.organization),
        token: form.token,
        action: signUpDetailsPage,
        name: form.name ?? '',
        organization: form.organization ?? '',
        errors: problems.errors,
      },
      { status: problems.status },
    )

  router.get('/sign-up', (ctx) => render(ctx, 'joining/ask-email', { ...ask, email: '' }))
  router.post('/sign-up', (ctx) =>
    askForMail(parts, ctx, { kind: 'sign-up', ask, request: (email) => requestSignUp(parts, email), sent: signUpSent }),
  )
  router.get(signUpDetailsPage, async (ctx) => {
    const token = tokenOf(ctx)
    const signUp = await findSignUp(db, token)
    if (!signUp) return showDeadLink(render, ctx, askForSignUp)
    await showDetails(ctx, { token }, signUp)
  })
  router.post(signUpDetailsPage, async (ctx) => {
    const form = await postedForm(parts, ctx)
    const token = form.token ?? ''
    const signUp = await findSignUp(db, token)
    if (!signUp) return showDeadLink(render, ctx, askForSignUp)
    const organization = signUp.organization ? z.string().optional() : displayName
    const fields = newAccountFields(signUp.email).extend({ organization })
    const problems = await formProblems(fields, form, async ({ name, password, organization = '' }) => {
      const done = await completeSignUp(db, { token, name, password, organizationName: organization })
      if (!done) return showDeadLink(render, ctx, askForSignUp)
      // `prompt`: whoever else is signed in with this browser is not taken for the new person.
      seeOther(ctx, authorizationRequest(issuer, '/account', { login_hint: done.user.email, prompt: 'login' }))
    })
    if (problems) await showDetails(ctx, form, signUp, problems)
  })
}

function resetRoutes(router: Router, parts: AccountLifeParts): void {
  const { db, render } = parts
  const ask = {
    test: 'reset-password',
    heading: 'Forgot your password?',
    lead: 'We mail you a link to choose a new one.',
    action: '/reset-password',
    button: 'Send the link',
    links: [{ label: 'Back to sign-in', href: '/account', test: 'to-sign-in' }],
  }
  const showForm = (ctx: Koa.Context, token: string, email: string, problems = noErrors) =>
    render(
      ctx,
      'joining/new-password',
      { email, token, action: newPasswordPage, error: problems.errors.password },
      { status: problems.status },
    )

  router.get('/reset-password', (ctx) => render(ctx, 'joining/ask-email', { ...ask, email: '' }))
  router.post('/reset-password', (ctx) =>
    askForMail(parts, ctx, {
      kind: 'reset-password',
      ask,
      request: (email) => requestPasswordReset(parts, email),
      sent: resetSent,
    }),
  )
  router.get(newPasswordPage, async (ctx) => {
    const token = tokenOf(ctx)
    const user = await findPasswordReset(db, token)
    if (!user) return showDeadLink(render, ctx, askForReset)
    await showForm(ctx, token, user.email)
  })
  router.post(newPasswordPage, async (ctx) => {
    const { token = '', password = '' } = await postedForm(parts, ctx)
    const user = await findPasswordReset(db, token)
    if (!user) return showDeadLink(render, ctx, askForReset)
    const problems = await fieldErrors(async () => {
      if (!(await resetPassword(parts, { token, password }))) return showDeadLink(render, ctx, askForReset)
      await render(ctx, 'joining/done', {
        heading: 'Your password is changed',
        lead: 'You are signed out everywhere. Sign in with the new password.',
        next: { label: 'Sign in', href: '/account' },
      })
    })
    if (problems) await showForm(ctx, token, user.email, problems)
  })
}

function verificationRoutes(router: Router, parts: AccountLifeParts): void {
  const { db, render } = parts

  router.get('/account/verify-email', async (ctx) => {
    const signedIn = await parts.requireSignedInUser(ctx)
    if (!signedIn) return
    if (signedIn.user.emailVerifiedAt) return showVerified(ctx, signedIn.user.email)
    await render(ctx, 'joining/confirm', {
      test: 'ask-verification',
      heading: 'Confirm your address',
      lead: `We mail a link to ${signedIn.user.email}.`,
      action: '/account/verify-email',
      button: 'Send the link',
    })
  })
  router.post('/account/verify-email', async (ctx) => {
    const signedIn = await parts.requireSignedInUser(ctx, { returnTo: '/account/verify-email' })
    if (!signedIn) return
    await postedForm(parts, ctx)
    const { id, email } = signedIn.user
    const retryAfterSeconds = await takeMailRequest(parts, ctx, 'verify-email', email)
    if (retryAfterSeconds > 0) return showLimited(render, ctx, retryAfterSeconds)
    await requestEmailVerification(parts, id)
    await render(ctx, 'joining/mail-sent', verificationSent, { status: 202 })
  })
  router.get(verifyEmailPage, async (ctx) => {
    const token = tokenOf(ctx)
    const email = await findEmailVerification(db, token)
    if (!email) return showDeadLink(render, ctx, askForVerification)
    await render(ctx, 'joining/confirm', {
      test: 'verify-email',
      heading: 'Confirm your address',
      lead: `Is ${email} yours?`,
      action: verifyEmailPage,
      token,
      button: 'Confirm address',
    })
  })
  router.post(verifyEmailPage, async (ctx) => {
    const { token = '' } = await postedForm(parts, ctx)
    const user = await verifyEmail(db, token)
    if (!user) return showDeadLink(render, ctx, askForVerification)
    await showVerified(ctx, user.email)
  })

  const showVerified = (ctx: Koa.Context, email: string) =>
    render(ctx, 'joining/done', {
      heading: 'Your address is confirmed',
      lead: email,
      next: { label: 'To your account', href: '/account' },
    })
}

function emailRoutes(router: Router, parts: AccountLifeParts): void {
  const { db, render, requireSignedInUser } = parts
  const demand = { ...freshSignIn, returnTo: '/account/email' }
  const askOf = (current: string) => ({
    test: 'change-email',
    heading: 'Change your address',
    lead: `You sign in with ${current} now. We mail a link to the new address; until you open it, nothing changes.`,
    label: 'New e-mail address',
    autocomplete: 'email',
    action: '/account/email',
    button: 'Send the link',
    links: [{ label: 'Back to your account', href: '/account', test: 'to-account' }],
  })

  router.get('/account/email', async (ctx) => {
    const signedIn = await requireSignedInUser(ctx, demand)
    if (!signedIn) return
    await render(ctx, 'joining/ask-email', { ...askOf(signedIn.user.email), email: '' })
  })
  router.post('/account/email', async (ctx) => {
    const signedIn = await requireSignedInUser(ctx, demand)
    if (!signedIn) return
    const { user } = signedIn
    await askForMail(parts, ctx, {
      kind: 'change-email',
      ask: askOf(user.email),
      request: (newEmail) => requestEmailChange(parts, { user, newEmail }),
      sent: emailChangeSent,
    })
  })
  router.get(changeEmailPage, async (ctx) => {
    const token = tokenOf(ctx)
    const change = await findEmailChange(db, token)
    if (!change) return showDeadLink(render, ctx, askForEmailChange)
    const { user, newEmail } = change
    await render(ctx, 'joining/confirm', {
      test: 'confirm-email',
      heading: 'Use this address?',
      // Whoever asked is named: nobody should lend their mailbox to an account that they don't know.
      lead: `${user.email} asks to sign in with ${newEmail} from now on.`,
      action: changeEmailPage,
      token,
      button: 'Use this address',
      aside: 'If that is not you, close this page: nothing changes.',
    })
  })
  router.post(changeEmailPage, async (ctx) => {
    const { token = '' } = await postedForm(parts, ctx)
    const change = await changeEmail(parts, token)
    switch (change.outcome) {
      case 'dead':
        return showDeadLink(render, ctx, askForEmailChange)
      case 'taken':
        return render(ctx, 'page-kit/error', addressTaken, { status: 409 })
      case 'changed':
        return render(ctx, 'joining/done', {
          heading: 'Your address is changed',
          lead: `From now on you sign in with ${change.email}.`,
          next: { label: 'To your account', href: '/account' },
        })
    }
  })
}

interface MailForm {
  kind: MailRequest
  /** The form, for when something is wrong with what was entered. */
  ask: Record<string, unknown>
  request: (email: string) => Promise<void>
  sent: Record<string, unknown>
}

/** Whatever becomes of the request, the page is the same to the byte: it says nothing about whom we know. */
async function askForMail(parts: AccountLifeParts, ctx: Koa.Context, { kind, ask, request, sent }: MailForm) {
  const { render } = parts
  const form = await postedForm(parts, ctx)
  const show = (email: string, error: string, status: number) =>
    render(ctx, 'joining/ask-email', { ...ask, email, error }, { status })

  const parsed = emailAddress.safeParse(form.email ?? '')
  if (!parsed.success) {
    await show(form.email ?? '', 'Enter one e-mail address, such as ada@example.com.', 422)
    return
  }
  const email = parsed.data
  const retryAfterSeconds = await takeMailRequest(parts, ctx, kind, email)
  if (retryAfterSeconds > 0) {
    await show(email, limitedMessage(retryAfterSeconds), 429)
    return
  }
  const problems = await fieldErrors(async () => {
    await request(email)
    await render(ctx, 'joining/mail-sent', sent, { status: 202 })
  })
  if (problems) await show(email, problems.errors.email ?? '', problems.status)
}

async function takeMailRequest(parts: AccountLifeParts, ctx: Koa.Context, kind: MailRequest, email: string) {
  const seconds = await parts.mailRequestLimit({ kind, email, ip: parts.clientAddress(ctx.req) })
  if (seconds > 0) ctx.set('Retry-After', String(seconds))
  return seconds
}

function showLimited(render: Render, ctx: Koa.Context, seconds: number): Promise<void> {
  return render(ctx, 'page-kit/error', { title: 'Too many mails', message: limitedMessage(seconds) }, { status: 429 })
}

function limitedMessage(seconds: number): string {
  const minutes = Math.ceil(seconds / 60)
  const wait = minutes === 1 ? 'a minute' : `${minutes} minutes`
  return `This was asked for several times. Look at your mail, spam included, or wait ${wait} and try again.`
}

async function postedForm({ csrf }: Pick<AccountLifeParts, 'csrf'>, ctx: Koa.Context): Promise<Form> {
  const form = await formOf(ctx)
  csrf.require(ctx, form)
  return form
}

function tokenOf(ctx: Koa.Context): string {
  return typeof ctx.query.token === 'string' ? ctx.query.token : ''
}

const notArrived = 'It works for one hour. If nothing arrives, look at your spam folder, or ask again.'
const backToSignIn = [{ label: 'Back to sign-in', href: '/account', test: 'to-sign-in' }]
const signUpSent = { lead: 'We’ve sent you a mail. Open its link to go on.', hint: notArrived, links: backToSignIn }
const resetSent = {
  lead: 'If there is an account with this address, we’ve sent it a mail. Open its link to choose a new password.',
  hint: notArrived,
  links: backToSignIn,
}
const verificationSent = { lead: 'We’ve sent you a mail. Open its link to confirm your address.', hint: notArrived }
const emailChangeSent = {
  lead: 'We’ve sent a mail to the new address. Open its link to use it from now on.',
  hint: notArrived,
  links: [{ label: 'Back to your account', href: '/account', test: 'to-account' }],
}

const askForSignUp = { label: 'Ask for a new link', href: '/sign-up' }
const askForReset = { label: 'Ask for a new link', href: '/reset-password' }
const askForVerification = { label: 'Ask for a new link', href: '/account/verify-email' }
const askForEmailChange = { label: 'Ask for a new link', href: '/account/email' }

const addressTaken = {
  title: 'This address is in use',
  message: 'There is another account with this address. Nothing was changed.',
  hint: 'Sign in with that account, or choose another address.',
  back: { label: 'Choose another address', href: '/account/email' },
}
