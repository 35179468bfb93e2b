import type Koa from 'koa'
import { connectionLabel } from '#authentication/connections/connection.ts'
import {
  type ArrivedIdentity,
  consumeAccountLink,
  isAbout,
  mailAccountLink,
  personAt,
} from '#authentication/connections/link-account-by-mail.ts'
import { findMailLink, type MailLink } from '#authentication/mail-links/mail-link.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { factsOfAsking } from '#foundation/outbox/mail.ts'
import { nameInteraction } from '#protocol/library/interaction-cookies.ts'
import { askingOf } from '#surfaces/page-kit/asking.ts'
import { showDeadLink } from '#surfaces/page-kit/dead-link.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import { formTargets, requireInteraction } from './interaction.ts'
import { findPending, finishConnectionLogin } from './link-account-page.ts'
import type { InteractionParts, Step } from './step.ts'

const linkPage = '/prove-account'

/** Mails the owner of the account a link by which they prove that it is theirs: for a person without a password. */
export async function postLinkByMail(step: Step): Promise<void> {
  const { ctx, encryption, interaction, render } = step
  const pending = await findPending(step)
  if (!pending) return seeOther(ctx, `/interaction/${interaction.uid}`)
  // The uid is what the browser's cookie holds, so the mailbox is not told it.
  const sealedUid = encryption.encrypt(interaction.uid).toString('base64url')
  await mailAccountLink(step, { arrived: pending, sealedUid, page: linkPage, asked: askingOf(ctx) })
  await render(ctx, 'joining/mail-sent', {
    lead: message('sign-in.mailed_link.lead', { email: pending.identity.email }),
    hint: message('sign-in.mailed_link.hint'),
    links: [
      {
        label: message('sign-in.mailed_link.to_password'),
        href: `/interaction/${interaction.uid}/prove`,
        test: 'to-password',
      },
    ],
  })
}

/** Shows what the link is about to do. Only the browser that asked for it gets on: a link is easily sent on. */
export async function showMailedLink(parts: InteractionParts, ctx: Koa.Context): Promise<void> {
  const token = String(ctx.query.token ?? '')
  const asked = await findAsked(parts, ctx, token)
  if (!asked) return showDeadLink(parts.render, ctx)
  const label = connectionLabel(asked.pending.connection)
  await parts.render(
    ctx,
    'joining/confirm',
    {
      test: 'prove-by-mail',
      heading: message('sign-in.mailed_link.title', { provider: label }),
      lead: message('sign-in.mailed_link.opens', { email: asked.link.email }),
      facts: [
        {
          label: message('sign-in.mailed_link.provider'),
          value: `${label}, ${new URL(asked.pending.identity.issuer).host}`,
        },
        { label: message('sign-in.mailed_link.you_there'), value: personAt(asked.pending) },
        ...factsOfAsking(asked.link.payload.asked),
      ],
      action: linkPage,
      token,
      button: message('sign-in.link.submit'),
      aside: message('sign-in.mailed_link.unasked'),
    },
    { formAction: formTargets(asked.step.interaction) },
  )
}

export async function postMailedLink(parts: InteractionParts, ctx: Koa.Context): Promise<void> {
  const { token = '' } = await postedForm(ctx, parts.csrf)
  const asked = await findAsked(parts, ctx, token)
  const user = asked && (await consumeAccountLink(parts.db, token))
  if (!asked || !user) return showDeadLink(parts.render, ctx)
  await finishConnectionLogin(asked.step, { ...asked.pending, provenUserId: user.id })
}

interface Asked {
  link: MailLink
  step: Step
  pending: ArrivedIdentity
}

/** @throws GatehouseError not_found when another browser asked for the link, or the sign-in has ended */
async function findAsked(parts: InteractionParts, ctx: Koa.Context, token: string): Promise<Asked | undefined> {
  const link = await findMailLink(parts.db, 'prove_account', token)
  if (!link) return undefined
  const uid = parts.encryption.decrypt(Buffer.from(String(link.payload.sealedUid), 'base64url'))
  nameInteraction(ctx, uid)
  const provider = parts.provider()
  const interaction = await requireInteraction(ctx, provider, uid).catch((error) => {
    if (!(error instanceof GatehouseError)) throw error
    throw new GatehouseError('not_found', 'Open this link in the browser in which you are signing in.')
  })
  const step: Step = { ...parts, ctx, provider, form: {}, interaction }
  const pending = await findPending(step)
  // Another person may have come back meanwhile, with the same address too: the link is about the one who asked for it.
  if (!pending || !isAbout(link, pending)) return undefined
  return { link, step, pending }
}
