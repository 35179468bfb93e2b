import { connectionLabel } from '#authentication/connections/connection.ts'
import { findEnabledConnectionById } from '#authentication/connections/connection-queries.ts'
import { findActiveUser } from '#directory/users/user-queries.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { findBrowserSession } from '#protocol/provider/browser-session.ts'
import { finishStep, formTargets, type InteractionResult, keepWithInteraction } from './interaction.ts'
import { hostOf } from './leave-page.ts'
import type { Step } from './step.ts'

/**
 * Finishes a sign-in through an identity provider, unless it would sign out another person: then a page asks first, since
 * the one who comes back is whom the provider says, and not necessarily who sits there (login CSRF).
 */
export async function finishOrAsk(
  step: Step,
  result: InteractionResult & { login: NonNullable<InteractionResult['login']> },
): Promise<void> {
  const { ctx, provider, interaction } = step
  const { userId } = await findBrowserSession(ctx, provider)
  if (userId === undefined || userId === result.login.accountId) return finishStep(ctx, provider, result)
  await keepWithInteraction(ctx, provider, { held_login: result })
  seeOther(ctx, `/interaction/${interaction.uid}/replace`)
}

export async function showReplacement(step: Step): Promise<void> {
  const { ctx, db, provider, interaction } = step
  const held = interaction.heldLogin?.login
  const session = await findBrowserSession(ctx, provider)
  const [arriving, signedIn, connection] = await Promise.all([
    findActiveUser(db, held?.accountId ?? ''),
    findActiveUser(db, session.userId ?? ''),
    findEnabledConnectionById(db, held?.connection?.id ?? ''),
  ])
  if (!arriving || !signedIn || !connection) return seeOther(ctx, `/interaction/${interaction.uid}`)
  await step.render(
    ctx,
    'sign-in/replace-person',
    {
      signedInAs: signedIn.email,
      email: arriving.email,
      connectionLabel: connectionLabel(connection),
      host: hostOf(connection),
      clientName: interaction.client.name,
      action: `/interaction/${interaction.uid}/replace`,
      abortAction: `/interaction/${interaction.uid}/abort`,
    },
    { formAction: formTargets(interaction) },
  )
}

export async function postReplacement({ ctx, provider, interaction }: Step): Promise<void> {
  if (!interaction.heldLogin) return seeOther(ctx, `/interaction/${interaction.uid}`)
  await finishStep(ctx, provider, interaction.heldLogin)
}
