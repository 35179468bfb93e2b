import type Koa from 'koa'
import type { MailRequestLimit } from '#authentication/mail-links/mail-request-limit.ts'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { type Message, message, type Text } from '#foundation/messages/message.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { fieldErrors } from '#surfaces/page-kit/form-problems.ts'
import type { Render } from '#surfaces/page-kit/render.ts'

export interface AskingParts {
  render: Render
  clientAddress: ClientAddress
  mailRequestLimit: MailRequestLimit
}

/** A form that asks for an address, to which a mail goes. */
export interface MailForm {
  /** The form again, when something is wrong with what was entered. */
  ask: Record<string, unknown>
  request: (email: string) => Promise<void>
  sent: Record<string, unknown>
}

/** Whatever becomes of the request, the page is the same to the byte: it says nothing about whom we know. */
export async function askForMail(
  parts: AskingParts,
  ctx: Koa.Context,
  form: Form,
  { ask, request, sent }: MailForm,
): Promise<void> {
  const { render } = parts
  const show = (email: string, error: Text, status: number) =>
    render(ctx, 'joining/ask-email', { ...ask, email, error }, { status })

  const parsed = emailAddress.safeParse(form.email ?? '')
  if (!parsed.success) {
    await show(form.email ?? '', message('joining.one_address'), 422)
    return
  }
  const email = parsed.data
  const limited = await takeMailRequest(parts, ctx, email)
  if (limited) {
    await show(email, limited, 429)
    return
  }
  const problems = await fieldErrors(async () => {
    await request(email)
    await render(ctx, 'joining/mail-sent', sent, { status: 202 })
  })
  if (problems) await show(email, problems.errors.email ?? '', problems.status)
}

/** @returns what to say when this was asked for too often, and to come back later */
export async function takeMailRequest(
  { mailRequestLimit, clientAddress }: AskingParts,
  ctx: Koa.Context,
  email: string,
): Promise<Message | undefined> {
  const seconds = await mailRequestLimit({ email, ip: clientAddress(ctx.req) })
  if (seconds <= 0) return undefined
  ctx.set('Retry-After', String(seconds))
  return message('joining.asked_often', { minutes: Math.ceil(seconds / 60) })
}

export const notArrived = message('joining.link_lasts')
export const backToSignIn = [{ label: message('page-kit.back_to_sign_in'), href: '/account', test: 'to-sign-in' }]

/** The secret of a mailed link, as its page is opened. */
export function tokenOf(ctx: Koa.Context): string {
  return typeof ctx.query.token === 'string' ? ctx.query.token : ''
}
