import type Koa from 'koa'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import { postConnection, postSso, showSso } from './connection-page.ts'
import { postConsent, showConsent } from './consent-page.ts'
import { finishStep, type Interaction, InteractionEnded, requireInteraction } from './interaction.ts'
import { postLinkByMail, postMailedLink, showMailedLink } from './link-account-by-mail-page.ts'
import { postLinkAccount, showLinkAccount } from './link-account-page.ts'
import { postLogin, showLogin } from './login-page.ts'
import { postReplacement, showReplacement } from './replace-person-page.ts'
import { postNewOrganization, postOrganization, showOrganizations } from './select-organization-page.ts'
import type { InteractionParts, Step, StepHandler } from './step.ts'

const pages: Record<Interaction['prompt'], StepHandler> = {
  login: showLogin,
  select_organization: showOrganizations,
  consent: showConsent,
}

/** The pages of one authorization request: sign in here or elsewhere, pick an organization, consent. */
export function interactionPages(parts: InteractionParts): Route[] {
  const show = (handle: StepHandler) => unlessEnded(parts, async (ctx) => handle(await stepOf(parts, ctx, {})))
  const post = (handle: StepHandler, due?: Interaction['prompt']) =>
    unlessEnded(parts, (ctx) => submit(parts, ctx, handle, due))
  return [
    ['GET', '/interaction/:uid', show(showStep)],
    ['POST', '/interaction/:uid/login', post(postLogin)],
    ['POST', '/interaction/:uid/connection', post(postConnection)],
    ['GET', '/interaction/:uid/sso', show(showSso)],
    ['POST', '/interaction/:uid/sso', post(postSso)],
    ['GET', '/interaction/:uid/prove', show(showLinkAccount)],
    ['POST', '/interaction/:uid/prove', post(postLinkAccount)],
    ['POST', '/interaction/:uid/prove/mail', post(postLinkByMail)],
    ['GET', '/prove-account', (ctx) => showMailedLink(parts, ctx)],
    ['POST', '/prove-account', (ctx) => postMailedLink(parts, ctx)],
    ['GET', '/interaction/:uid/replace', show(showReplacement)],
    ['POST', '/interaction/:uid/replace', post(postReplacement)],
    ['POST', '/interaction/:uid/organization', post(postOrganization, 'select_organization')],
    ['POST', '/interaction/:uid/new-organization', post(postNewOrganization, 'select_organization')],
    ['POST', '/interaction/:uid/consent', post(postConsent, 'consent')],
    ['POST', '/interaction/:uid/abort', post(abort)],
  ]
}

/** Whoever comes to a sign-in that has ended (by a bookmark, by going back) is told so, and how to go on. */
function unlessEnded({ render }: InteractionParts, handle: (ctx: Koa.Context) => Promise<void>) {
  return async (ctx: Koa.Context) => {
    try {
      await handle(ctx)
    } catch (error) {
      if (!(error instanceof InteractionEnded) || ctx.accepts('json', 'html') !== 'html') throw error
      await render(ctx, 'sign-in/ended', {}, { status: statusOfCode[error.code] })
    }
  }
}

/** "Not you?" shows the sign-in page at any step: `?prompt=login`. */
async function showStep(step: Step): Promise<void> {
  const { prompt, way } = step.ctx.query
  const page = prompt === 'login' || way === 'password' ? showLogin : pages[step.interaction.prompt]
  await page(step)
}

async function abort({ ctx, provider }: Step): Promise<void> {
  await finishStep(ctx, provider, {
    error: 'access_denied',
    error_description: 'the person went back without signing in',
  })
}

/** A form of another step than the one that is due shows that step instead: none can be skipped or repeated. */
async function submit(parts: InteractionParts, ctx: Koa.Context, handle: StepHandler, due?: Interaction['prompt']) {
  const form = await postedForm(ctx, parts.csrf)
  const step = await stepOf(parts, ctx, form)
  if (due && step.interaction.prompt !== due) {
    seeOther(ctx, `/interaction/${step.interaction.uid}`)
    return
  }
  await handle(step)
}

async function stepOf(parts: InteractionParts, ctx: Koa.Context, form: Form): Promise<Step> {
  const provider = parts.provider()
  return { ...parts, ctx, provider, form, interaction: await requireInteraction(ctx, provider) }
}
