import type Koa from 'koa'
import { connectionLabel } from '#authentication/connections/connection.ts'
import { voidUnprovenCredentials } from '#authentication/connections/unproven-credentials.ts'
import {
  consumeMailLink,
  findMailLink,
  type MailLink,
  mailLinkPath,
  makeMailLink,
} from '#authentication/mail-links/mail-link.ts'
import { markEmailVerified } from '#directory/users/save-user.ts'
import { findUserByEmail, lockActiveUser } from '#directory/users/user-queries.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { nameInteraction } from '#protocol/library/interaction-cookies.ts'
import { showDeadLink } from '#surfaces/page-kit/dead-link.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import { formTargets, requireInteraction } from './interaction.ts'
import { findPending, finishConnectionLogin, type Pending } from './prove-account-page.ts'
import type { InteractionParts, Step } from './step.ts'

const linkPage = '/prove-account'

/** Mails the owner of the account a link by which they prove that it is theirs: for whoever has no password. */
export async function postProofByMail(step: Step): Promise<void> {
  const { ctx, db, encryption, interaction, outbox, render } = step
  const pending = await findPending(step)
  if (!pending) return seeOther(ctx, `/interaction/${interaction.uid}`)
  const { email = '' } = pending.identity
  await db.transaction().execute(async (tx) => {
    const owner = await findUserByEmail(tx, email)
    const user = owner && (await lockActiveUser(tx, owner.id))
    if (!user) return
    // The uid is what the browser's cookie holds, so the mailbox is not told it.
    const payload = { sealedUid: encryption.encrypt(interaction.uid).toString('base64url') }
    const token = await makeMailLink(tx, { purpose: 'prove_account', email: user.email, userId: user.id, payload })
    if (!token) return
    await outbox.enqueueMail(tx, {
      to: user.email,
      template: 'link-account',
      locals: { linkPath: mailLinkPath(linkPage, token), connectionLabel: connectionLabel(pending.connection) },
    })
  })
  await render(ctx, 'joining/mail-sent', {
    lead: `We have sent a link to ${email}.`,
    hint: 'Open it in this browser within ten minutes, and you are signed in.',
    links: [
      { label: 'Enter the password instead', href: `/interaction/${interaction.uid}/prove`, test: 'to-password' },
    ],
  })
}

/** Shows what the link is about to do. Only the browser that asked for it gets on: a link is easily sent to somebody else. */
export async function showProofByMail(parts: InteractionParts, ctx: Koa.Context): Promise<void> {
  const token = String(ctx.query.token ?? '')
  const asked = await findAsked(parts, ctx, token)
  if (!asked) return showDeadLink(parts.render, ctx)
  const label = connectionLabel(asked.pending.connection)
  await parts.render(
    ctx,
    'joining/confirm',
    {
      test: 'prove-by-mail',
      heading: `Sign in with ${label} from now on?`,
      lead: `It will open your account ${asked.link.email}.`,
      action: linkPage,
      token,
      button: 'Link and sign in',
      aside: 'If you did not just try to sign in, close this page: nothing has changed.',
    },
    { formAction: formTargets(asked.step.interaction) },
  )
}

export async function postProofFromMail(parts: InteractionParts, ctx: Koa.Context): Promise<void> {
  const { token = '' } = await postedForm(ctx, parts.csrf)
  const asked = await findAsked(parts, ctx, token)
  const user = asked && (await consumeProof(parts, token))
  if (!asked || !user) return showDeadLink(parts.render, ctx)
  await finishConnectionLogin(asked.step, { ...asked.pending, provenUserId: user.id })
}

interface Asked {
  link: MailLink
  step: Step
  pending: Pending
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
  // Somebody may have come back as another person meanwhile: the link is about the first one.
  if (!pending || emailKey(pending.identity.email ?? '') !== emailKey(link.email)) return undefined
  return { link, step, pending }
}

/**
 * The link proves the mailbox. If nobody had before, what was left on the account was somebody else's and is void, as
 * when its owner arrives through a provider that vouches for the address.
 */
function consumeProof({ db }: InteractionParts, token: string): Promise<User | undefined> {
  return db.transaction().execute(async (tx) => {
    const link = await consumeMailLink(tx, 'prove_account', token)
    const user = link?.userId ? await lockActiveUser(tx, link.userId) : undefined
    if (!link || !user || emailKey(link.email) !== emailKey(user.email)) return undefined
    if (user.emailVerifiedAt === null) await voidUnprovenCredentials(tx, user, { keepIdentityId: undefined })
    await markEmailVerified(tx, user.id)
    return user
  })
}
