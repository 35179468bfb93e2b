import { type ConnectionLogin, completeConnectionLogin } from '#authentication/connections/complete-connection-login.ts'
import { connectionLabel } from '#authentication/connections/connection.ts'
import { findEnabledConnectionById } from '#authentication/connections/connection-queries.ts'
import type { ConnectionRefusal } from '#authentication/connections/decide-connection-login.ts'
import type { ArrivedIdentity } from '#authentication/connections/link-account-by-mail.ts'
import type { UpstreamIdentity } from '#authentication/connections/upstream-identity.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { passwordVersion } from '#protocol/library/outdated-logins.ts'
import { tryEnteredPassword } from '#surfaces/page-kit/entered-password.ts'
import { backToSignIn } from './connection-page.ts'
import { formTargets, keepWithInteraction } from './interaction.ts'
import { finishOrAsk } from './replace-person-page.ts'
import type { Step } from './step.ts'

/** Who came back from an identity provider, kept sealed with the interaction until the account is proven. */
interface PendingIdentity {
  connectionId: string
  identity: UpstreamIdentity
  until: number
}

const proofMs = 600_000

/** Everything after the identity provider's answer has been verified. */
export async function finishConnectionLogin(
  step: Step,
  { connection, identity, provenUserId }: { connection: Connection; identity: UpstreamIdentity; provenUserId?: string },
): Promise<void> {
  const { ctx, db, interaction } = step
  const login = await completeConnectionLogin(db, {
    connection,
    identity,
    provenUserId,
    signUp: step.signUp,
    ip: step.clientAddress(ctx.req),
    userAgent: ctx.get('user-agent') || undefined,
    clientId: interaction.client.clientId,
    organization: interaction.request.organization,
  })
  if (login.outcome === 'signed_in') return finishLogin(step, { connection, identity, login })
  if (login.reason === 'proof_needed') return askForProof(step, { connection, identity })
  await showRefusal(step, connection, identity, login.reason)
}

/** The organization is the connection's own: the person who came by it has named it, and is not asked again. */
async function finishLogin(
  step: Step,
  of: { connection: Connection; identity: UpstreamIdentity; login: ConnectionLogin & { outcome: 'signed_in' } },
): Promise<void> {
  const { upstreamSignOut } = step
  const { connection, identity, login } = of
  const remembered = await upstreamSignOut.remember(connection, identity.idToken)
  const { organizationId } = login
  await finishOrAsk(step, {
    login: {
      accountId: login.user.id,
      remember: true,
      passwordVersion: passwordVersion(login.user),
      connection: remembered,
      ...(identity.authenticatedAt !== undefined && { ts: sensibleTime(identity.authenticatedAt) }),
    },
    ...(organizationId !== null && { select_organization: { organizationId } }),
  })
}

/** A provider may tell a time that is long gone, or has not come: neither must make our session end or last. */
function sensibleTime(seconds: number): number {
  const now = Math.floor(Date.now() / 1000)
  return Math.max(now - 86_400, Math.min(now, Math.floor(seconds)))
}

async function askForProof(step: Step, of: { connection: Connection; identity: UpstreamIdentity }): Promise<void> {
  const { ctx, provider, encryption, interaction } = step
  const pending: PendingIdentity = {
    connectionId: of.connection.id,
    identity: of.identity,
    until: Date.now() + proofMs,
  }
  const sealed = encryption.encrypt(JSON.stringify(pending)).toString('base64url')
  await keepWithInteraction(ctx, provider, { pending_identity: sealed })
  seeOther(step.ctx, `/interaction/${interaction.uid}/prove`)
}

/** Whether there is an account with the address that the provider told, and whose, its password or its mailbox says. */
export async function showLinkAccount(step: Step): Promise<void> {
  const pending = await findPending(step)
  if (!pending) return seeOther(step.ctx, `/interaction/${step.interaction.uid}`)
  await renderProof(step, pending)
}

export async function postLinkAccount(step: Step): Promise<void> {
  const { ctx, form, interaction } = step
  const pending = await findPending(step)
  if (!pending) return seeOther(step.ctx, `/interaction/${interaction.uid}`)
  const { email = '' } = pending.identity
  const { password = '' } = form
  const wrong = message('sign-in.link.wrong_password')
  const attempt = await tryEnteredPassword(step, ctx, { email, password, clientId: interaction.client.clientId, wrong })
  if (attempt.outcome === 'refused') return renderProof(step, pending, attempt.message, attempt.status)
  await finishConnectionLogin(step, { ...pending, provenUserId: attempt.user.id })
}

/** Undefined when no one has come back in this interaction, or longer ago than ten minutes. */
export async function findPending(step: Step): Promise<ArrivedIdentity | undefined> {
  const { db, encryption, interaction } = step
  if (interaction.pendingIdentity === undefined) return undefined
  const sealed = Buffer.from(interaction.pendingIdentity, 'base64url')
  const { connectionId, identity, until } = JSON.parse(encryption.decrypt(sealed)) as PendingIdentity
  const connection = until > Date.now() ? await findEnabledConnectionById(db, connectionId) : undefined
  return connection && { connection, identity }
}

async function renderProof(
  step: Step,
  { connection, identity }: ArrivedIdentity,
  error?: Text,
  status = 200,
): Promise<void> {
  const { ctx, interaction } = step
  const { uid } = interaction
  await step.render(
    ctx,
    'sign-in/link-account',
    {
      email: identity.email,
      connectionLabel: connectionLabel(connection),
      error,
      action: `/interaction/${uid}/prove`,
      mailAction: `/interaction/${uid}/prove/mail`,
      notYouUrl: `/interaction/${uid}?prompt=login`,
    },
    { status, formAction: formTargets(interaction) },
  )
}

async function showRefusal(
  step: Step,
  connection: Connection,
  { email }: UpstreamIdentity,
  reason: Exclude<ConnectionRefusal, 'proof_needed'>,
): Promise<void> {
  const { ctx, interaction } = step
  const values = { provider: connectionLabel(connection), email: email ?? message('sign-in.refused.somebody') }
  await step.render(
    ctx,
    'page-kit/error',
    {
      title: message(`sign-in.refused.${reason}`),
      message: message(`sign-in.refused.${reason}_lead`, values),
      hint: message(`sign-in.refused.${reason}_hint`),
      back: backToSignIn(interaction),
      code: reason,
    },
    { status: 403 },
  )
}
