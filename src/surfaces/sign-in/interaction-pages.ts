import Router from '@koa/router'
import type Koa from 'koa'
import type { Form } from '#foundation/http/read-form.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { formOf } from '#surfaces/page-kit/form-body.ts'
import { postConnection, postSso, showSso } from './connection-page.ts'
import { postConsent, showConsent } from './consent-page.ts'
import { finishStep, type Interaction, requireInteraction } from './interaction.ts'
import { postLogin, showLogin } from './login-page.ts'
import { postProofByMail, postProofFromMail, showProofByMail } from './prove-account-by-mail.ts'
import { postProof, showProof } from './prove-account-page.ts'
import { postOrganization, showOrganizations } from './select-organization-page.ts'
import type { InteractionParts, Step, StepHandler } from './step.ts'

const pages: Record<Interaction['prompt'], StepHandler> = {
  login: showLogin,
  select_organization: showOrganizations,
  consent: showConsent,
}

/** The pages of one authorization request: sign in here or elsewhere, pick an organization, consent. */
export function interactionPages(parts: InteractionParts): Koa.Middleware {
  const router = new Router()

  /** "Not you?" shows the sign-in page at any step: `?prompt=login`. */
  router.get('/interaction/:uid', async (ctx) => {
    const step = await stepOf(parts, ctx, {})
    const startsAnew = ctx.query.prompt === 'login' || ctx.query.way === 'password'
    const page = startsAnew ? showLogin : pages[step.interaction.prompt]
    await page(step)
  })
  router.post('/interaction/:uid/login', (ctx) => submit(parts, ctx, postLogin))
  router.post('/interaction/:uid/connection', (ctx) => submit(parts, ctx, postConnection))
  router.get('/interaction/:uid/sso', async (ctx) => showSso(await stepOf(parts, ctx, {})))
  router.post('/interaction/:uid/sso', (ctx) => submit(parts, ctx, postSso))
  router.get('/interaction/:uid/prove', async (ctx) => showProof(await stepOf(parts, ctx, {})))
  router.post('/interaction/:uid/prove', (ctx) => submit(parts, ctx, postProof))
  router.post('/interaction/:uid/prove/mail', (ctx) => submit(parts, ctx, postProofByMail))
  router.get('/prove-account', (ctx) => showProofByMail(parts, ctx))
  router.post('/prove-account', (ctx) => postProofFromMail(parts, ctx))
  router.post('/interaction/:uid/organization', (ctx) => submit(parts, ctx, postOrganization, 'select_organization'))
  router.post('/interaction/:uid/consent', (ctx) => submit(parts, ctx, postConsent, 'consent'))
  router.post('/interaction/:uid/abort', (ctx) =>
    submit(parts, ctx, (step) =>
      finishStep(step.ctx, step.provider, {
        error: 'access_denied',
        error_description: 'the person went back without signing in',
      }),
    ),
  )
  return router.routes() as unknown as Koa.Middleware
}

/** A form of another step than the one that is due shows that step instead: none can be skipped or repeated. */
async function submit(parts: InteractionParts, ctx: Koa.Context, handle: StepHandler, due?: Interaction['prompt']) {
  const form = await formOf(ctx)
  parts.csrf.require(ctx, form)
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
