import { connectionLabel } from '#authentication/connections/connection.ts'
import { anyUpstreamTarget, upstreamTargets } from '#authentication/connections/connection-addresses.ts'
import {
  findEnabledConnection,
  findEnabledConnectionOf,
  haveOrganizationsConnections,
} from '#authentication/connections/connection-queries.ts'
import { waysInto } from '#authentication/connections/home-realm.ts'
import { brandOf } from '#directory/organizations/organization-brand.ts'
import { findOrganizationByName } from '#directory/organizations/organization-names.ts'
import { findOrganization } from '#directory/organizations/organization-queries.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import type { Connection, Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { type Message, message, type Text } from '#foundation/messages/message.ts'
import { formTargets, type Interaction } from './interaction.ts'
import type { Step } from './step.ts'
import { showUpstreamError } from './upstream-error-page.ts'

/** Sends the browser to the identity provider whose button was pressed. */
export async function postConnection(step: Step): Promise<void> {
  const connection = await findUsableConnection(step, step.form.connection ?? '')
  if (!connection) throw new GatehouseError('not_found', 'That way to sign in is not available any more.')
  await goToConnection(step, connection, step.form.email)
}

/**
 * The connection that the application asks for, by its handle or by its name: the named organization's, else the
 * deployment's. A name is never another organization's, which may have taken it first to have people sent there.
 */
export async function findAskedConnection(
  step: Pick<Step, 'db' | 'interaction'>,
  asked: string,
): Promise<Connection | undefined> {
  const named = step.interaction.request.organization
  const usable = await findUsableConnection(step, asked)
  if (usable && (named !== undefined || usable.organizationId === null)) return usable
  const organization = named === undefined ? undefined : await findOrganization(step.db, named)
  const own = organization && (await findEnabledConnectionOf(step.db, { organizationId: organization.id }, asked))
  return own ?? (await findEnabledConnectionOf(step.db, { organizationId: null }, asked)) ?? usable
}

/**
 * A connection that a sign-in may go through: one of the whole deployment, or of the organization that the application
 * has named. Where it named none, the person has, by choosing it.
 */
async function findUsableConnection(
  { db, interaction }: Pick<Step, 'db' | 'interaction'>,
  handle: string,
): Promise<Connection | undefined> {
  const connection = await findEnabledConnection(db, handle)
  if (!connection?.organizationId) return connection
  const named = interaction.request.organization
  if (named === undefined) return connection
  const organization = await findOrganization(db, named)
  return organization?.id === connection.organizationId ? connection : undefined
}

/** @param email the address that the person has entered; else the one that the application knows */
export async function goToConnection(step: Step, connection: Connection, email?: string): Promise<void> {
  const { ctx, interaction, upstreamTransactions } = step
  const { loginHint, wantsFreshSignIn } = interaction.request
  const purpose = { kind: 'sign_in', interactionUid: interaction.uid } as const
  try {
    const wishes = { loginHint: (email || loginHint)?.slice(0, longestHint), fresh: wantsFreshSignIn }
    seeOther(step.ctx, await upstreamTransactions.begin(ctx, connection, purpose, wishes))
  } catch (error) {
    await showUpstreamError(step, ctx, { error, connection, back: backToSignIn(interaction) })
  }
}

const longestHint = 254

/** A way out that doesn't lead straight to the same identity provider again. */
export function backToSignIn({ uid }: Pick<Interaction, 'uid'>): { label: Message; href: string } {
  return { label: message('page-kit.sign_in_another_way'), href: `/interaction/${uid}?way=password` }
}

/** "Sign in with SSO": asks which organization it is for, so that its identity provider can be used. */
export async function showSso(step: Step): Promise<void> {
  await renderSso(step, { name: '' })
}

/**
 * To the organization's only identity provider, or to a choice among several. An unknown name is answered as one
 * of an organization that has none.
 */
export async function postSso(step: Step): Promise<void> {
  const name = (step.form.organization ?? '').trim()
  const named = name && isStorable(name) ? await findOrganizationByName(step.db, name) : undefined
  const organization = named?.outcome === 'found' ? named.organization : undefined
  const { connections } = organization ? await ownWaysInto(step.db, organization) : { connections: [] }
  const [first, ...others] = connections
  if (!organization || !first) {
    const error = name ? message('sign-in.sso.unknown') : message('page-kit.no_name_entered')
    return renderSso(step, { name, error }, 422)
  }
  if (others.length === 0) return goToConnection(step, first)
  await renderConnections(step, { organization, connections })
}

/** Without those of the deployment: a person who named an organization wants its own. */
async function ownWaysInto(db: Queryable, organization: Organization) {
  const { connections } = await waysInto(db, organization)
  return { connections: connections.filter(({ organizationId }) => organizationId !== null) }
}

/** The page of a person who has to use one of these connections to act in an organization. */
export async function renderConnections(
  step: Step,
  { organization, connections }: { organization: Organization | undefined; connections: Connection[] },
  email?: string,
): Promise<void> {
  const { ctx, interaction } = step
  await step.render(
    ctx,
    'sign-in/sso-required',
    {
      organizationName: organization?.name,
      brand: organization && brandOf(organization),
      ...connectionButtons(interaction, connections),
      email,
      anotherWayUrl: `/interaction/${interaction.uid}?way=password`,
      notYouUrl: `/interaction/${interaction.uid}?prompt=login`,
    },
    { formAction: [...formTargets(interaction), ...upstreamTargets(connections)] },
  )
}

/** What a page needs to show a button for each connection. */
export function connectionButtons({ uid }: Interaction, connections: readonly Connection[]) {
  return {
    connections: connections.map((connection) => ({ handle: connection.handle, label: connectionLabel(connection) })),
    connectionAction: `/interaction/${uid}/connection`,
  }
}

async function renderSso(step: Step, locals: { name: string; error?: Text }, status = 200): Promise<void> {
  const { ctx, interaction } = step
  const { uid } = interaction
  const elsewhere = (await haveOrganizationsConnections(step.db)) ? anyUpstreamTarget(step.outboundAllowedHosts) : []
  const formAction = [...formTargets(interaction), ...elsewhere]
  const links = [
    { label: message('page-kit.forgot_organization'), href: '/organizations/forgot', test: 'forgot-organization' },
    { label: message('page-kit.sign_in_without_name'), href: `/interaction/${uid}?prompt=login`, test: 'to-sign-in' },
  ]
  const action = `/interaction/${uid}/sso`
  await step.render(ctx, 'joining/organization-name', { ...locals, action, links }, { status, formAction })
}
