import { issuerOf } from '#authentication/connections/connection.ts'
import { upstreamTargets } from '#authentication/connections/connection-addresses.ts'
import { findActiveUser } from '#directory/users/user-queries.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { type BrowserSession, findBrowserSession } from '#protocol/provider/browser-session.ts'
import { connectionButtons, goToConnection } from './connection-page.ts'
import { formTargets } from './interaction.ts'
import type { Step } from './step.ts'

/**
 * To an identity provider that the request names. Any site can send a browser here, so it leaves by itself only where the
 * person has chosen that way on a page of ours, or is signed in by it already; else a page asks. Without it a link would
 * lead to any address behind our own (an open redirect) and sign a person in as another (login CSRF).
 */
export async function leaveFor(step: Step, connection: Connection, email?: string): Promise<void> {
  const session = await findBrowserSession(step.ctx, step.provider)
  const isChosen = hasChosen(step) || session.usedConnections.includes(connection.id)
  if (isChosen) return goToConnection(step, connection, email)
  await renderLeaving(step, connection, { session, email })
}

/** The choice is about this very request: the same organization, and the same connection or address. */
function hasChosen({ ctx, interaction, upstreamTransactions }: Step): boolean {
  const { organization, connection, loginHint } = interaction.request
  const chosen = upstreamTransactions.takeChosen(ctx)
  if (!chosen || chosen.organization !== organization) return false
  return connection === undefined ? chosen.email === loginHint : chosen.connection === connection
}

async function renderLeaving(
  step: Step,
  connection: Connection,
  { session, email }: { session: BrowserSession; email: string | undefined },
): Promise<void> {
  const { ctx, db, interaction } = step
  const signedIn = session.userId === undefined ? undefined : await findActiveUser(db, session.userId)
  await step.render(
    ctx,
    'sign-in/leave',
    {
      clientName: interaction.client.name,
      ...connectionButtons(interaction, [connection]),
      host: hostOf(connection),
      email,
      signedInAs: signedIn?.email,
      anotherWayUrl: `/interaction/${interaction.uid}?way=password`,
    },
    { formAction: [...formTargets(interaction), ...upstreamTargets([connection])] },
  )
}

/** Where a person goes, in words that a display name cannot falsify. */
export function hostOf(connection: Pick<Connection, 'type' | 'issuer'>): string {
  return new URL(issuerOf(connection)).host
}
