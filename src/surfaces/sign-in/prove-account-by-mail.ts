import type Koa from 'koa'
import { connectionLabel } from '#authentication/connections/connection.ts'
import { voidUnprovenCredentials } from '#authentication/connections/unproven-credentials.ts'
import {
  consumeMailLinkOfUser,
  findMailLink,
  isOwnMailbox,
  type MailLink,
  mailLinkPath,
  makeMailLink,
} from '#authentication/mail-links/mail-link.ts'
import { markEmailVerified } from '#directory/users/save-user.ts'
import { findUserByEmail, lockActiveUser } from '#directory/users/user-queries.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
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
    const payload = {
      // The uid is what the browser's cookie holds, so the mailbox is not told it.
      sealedUid: encryption.encrypt(interaction.uid).toString('base64url'),
      upstreamSubject: nameOfSubject(pending),
    }
    const token = await makeMailLink(tx, { purpose: 'prove_account', email: user.email, userId: user.id, payload })
    if (!token) return
    await outbox.enqueueMail(tx, {
      to: user.email,
      template: 'link-account',
      locals: {
        linkPath: mailLinkPath(linkPage, token),
        connectionLabel: connectionLabel(pending.connection),
        upstreamPerson: personAt(pending),
      },
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
      facts: [
        { label: 'Identity provider', value: `${label}, ${new URL(asked.pending.identity.issuer).host}` },
        { label: 'You there', value: personAt(asked.pending) },
      ],
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
  // Another person may have come back meanwhile, with the same address too: the link is about the one who asked for it.
  if (!pending || nameOfSubject(pending) !== link.payload.upstreamSubject) return undefined
  return { link, step, pending }
}

/** Connection, issuer and subject in one: a subject is a person only at its issuer (OpenID Connect Core §5.7). */
function nameOfSubject({ connection, identity }: Pending): string {
  return sha256(JSON.stringify([connection.id, identity.issuer, identity.subject])).toString('base64url')
}

/** Whom the provider has signed in, as its person may know themselves: by name and by its own word for them. */
function personAt({ identity: { name, subject } }: Pending): string {
  return name === undefined ? subject : `${name}, ${subject}`
}

/**
 * The link proves the mailbox. If nobody had before, what was left on the account was somebody else's and is void, as
 * when its owner arrives through a provider that vouches for the address.
 */
function consumeProof({ db }: InteractionParts, token: string): Promise<User | undefined> {
  return db.transaction().execute(async (tx) => {
    const used = await consumeMailLinkOfUser(tx, 'prove_account', token)
    if (!used || !isOwnMailbox(used.link, used.user)) return undefined
    const { user } = used
    if (user.emailVerifiedAt === null) await voidUnprovenCredentials(tx, user)
    await markEmailVerified(tx, user.id)
    return user
  })
}
