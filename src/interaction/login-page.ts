import { builtInClientId } from '../clients/built-in-client.ts'
import { brandOfAsked } from '../organizations/organization-brand.ts'
import { findOrganization } from '../organizations/organization-queries.ts'
import { passwordLength } from '../passwords/password.ts'
import { finishStep, formTargets } from './interaction.ts'
import type { Step } from './step.ts'

const longestEmail = 254

/**
 * Identifier first: the page asks for the e-mail address, so that it can decide how its owner signs in. Where a page of
 * our own has asked for it already (an organization's login page, "confirm that it's you"), it is not asked again.
 */
export async function showLogin(step: Step): Promise<void> {
  const email = loginHint(step)
  const wantsAnother = step.ctx.query.prompt === 'login'
  const asked = email !== '' && step.interaction.client.clientId === builtInClientId
  if (asked && !wantsAnother) await renderPassword(step, { email })
  else await renderLogin(step, { email: wantsAnother ? '' : email })
}

/** An address alone goes on to the password; both together sign in. */
export async function postLogin(step: Step): Promise<void> {
  const email = (step.form.email ?? '').trim()
  const password = step.form.password
  if (!looksLikeEmail(email)) {
    await renderLogin(step, { email, error: 'Enter your e-mail address, such as ada@example.com.' }, 422)
    return
  }
  if (password === undefined) {
    await renderPassword(step, { email })
    return
  }
  if (password.length > passwordLength.max) {
    await renderPassword(step, { email, error: `A password has at most ${passwordLength.max} characters.` }, 400)
    return
  }
  await signIn(step, email, password)
}

async function signIn(step: Step, email: string, password: string): Promise<void> {
  const { ctx, provider, interaction, knownBrowser } = step
  const attempt = await step.authenticateWithPassword({
    email,
    password,
    ip: step.clientAddress(ctx.req),
    userAgent: ctx.get('user-agent') || undefined,
    clientId: interaction.client.clientId,
    knownBrowser: knownBrowser.nameFor(ctx, email),
  })
  switch (attempt.outcome) {
    case 'rejected':
      await renderPassword(step, { email, error: 'That e-mail address and password do not go together.' }, 401)
      return
    case 'limited':
      ctx.set('Retry-After', String(attempt.retryAfterSeconds))
      await renderPassword(step, { email, error: limitedMessage(attempt.retryAfterSeconds) }, 429)
      return
    case 'authenticated':
      knownBrowser.remember(ctx, email)
      await finishStep(ctx, provider, { login: { accountId: attempt.user.id, amr: ['pwd'], remember: true } })
  }
}

function limitedMessage(seconds: number): string {
  const minutes = Math.ceil(seconds / 60)
  return `Too many tries. Wait ${minutes === 1 ? 'a minute' : `${minutes} minutes`} and try again.`
}

async function renderLogin(step: Step, locals: { email: string; error?: string }, status = 200): Promise<void> {
  await renderStep(step, 'interaction/login', locals, status)
}

async function renderPassword(step: Step, locals: { email: string; error?: string }, status = 200): Promise<void> {
  await renderStep(step, 'interaction/password', locals, status)
}

async function renderStep(step: Step, view: string, locals: { email: string; error?: string }, status: number) {
  const { ctx, interaction, db } = step
  const { organization } = interaction.params
  const asked = typeof organization === 'string' ? organization : undefined
  const brand = asked === undefined ? undefined : brandOfAsked(asked, await findOrganization(db, asked))
  // At an organization's own address that is where one goes, not to a client that nobody has heard of.
  const isOurs = interaction.client.clientId === builtInClientId
  await step.render(
    ctx,
    view,
    {
      ...locals,
      clientName: (isOurs && brand?.name) || interaction.client.name,
      action: `/interaction/${interaction.uid}/login`,
      notYouUrl: `/interaction/${interaction.uid}?prompt=login`,
      forgotUrl: '/reset-password',
      signUpUrl: step.signUp === 'open' ? '/sign-up' : undefined,
      // Who came by an organization's own address is not asked for its name again (S2-14).
      links: asked === undefined ? linksToOrganizations : undefined,
      brand,
    },
    { status, formAction: formTargets(interaction) },
  )
}

const linksToOrganizations = [
  { label: 'Sign in to your organization', href: '/organizations', test: 'to-organization' },
  { label: 'Forgot its name?', href: '/organizations/forgot', test: 'forgot-organization' },
]

function loginHint({ interaction }: Step): string {
  const hint = interaction.params.login_hint
  return typeof hint === 'string' && looksLikeEmail(hint) ? hint : ''
}

function looksLikeEmail(value: string): boolean {
  return value.length <= longestEmail && /^[^\s@]+@[^\s@]+$/.test(value)
}
