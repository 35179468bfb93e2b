import { callbackUrl, connectionLabel, issuerOf } from '#authentication/connections/connection.ts'
import { signedOutUrl } from '#authentication/connections/connection-addresses.ts'
import { providerKindOf, providerNames } from '#authentication/connections/provider-kind.ts'
import {
  type ConnectionManagement,
  type ConnectionParts,
  requireConnection,
  requireMayManageConnections,
} from '#authentication/connections/save-connection.ts'
import type { TrySignInParts } from '#authentication/connections/try-sign-in.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection } from '#foundation/database/schema.ts'
import type { Fetch } from '#foundation/http/outbound-fetch.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import type { SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import type { UpstreamTransactions } from '#surfaces/sign-in/upstream-transactions.ts'

/** What the pages of connections take. */
export interface ConnectionPagesParts extends ConnectionParts, TrySignInParts {
  db: Queryable
  render: Render
  outboundFetch: Fetch
  upstreamTransactions: UpstreamTransactions
}

/** Whose connections pages are about: the organization's that their person has signed in to, or the deployment's. */
export interface ConnectionPlace {
  owner: 'organization' | 'deployment'
  /** Where their list is. */
  at: string
  /** Where one is added: beside the list, for a connection may have any name. */
  adding: string
}

export type ConnectionRequest = SignedInRequest & ConnectionPagesParts & ConnectionPlace

export function managementOf({ owner, actor, signedIn }: ConnectionRequest): ConnectionManagement {
  return { actor, organization: owner === 'organization' ? signedIn.organization : null }
}

/** Whose connections they are; null: the deployment's. */
export function ownerIdOf(request: ConnectionRequest): string | null {
  return managementOf(request).organization?.id ?? null
}

/** The connection that the path names. @throws GatehouseError permission_denied, not_found */
export async function requireNamed(request: ConnectionRequest): Promise<Connection> {
  requireMayManageConnections(managementOf(request))
  return requireConnection(request.db, ownerIdOf(request), request.ctx.params.name ?? '')
}

/** The address of a connection's own page. */
export function pageOfConnection({ at }: ConnectionPlace, { name }: Pick<Connection, 'name'>): string {
  return `${at}/${name}`
}

/** A connection as every page of it shows it. */
export function shownConnection(request: ConnectionRequest, connection: Connection) {
  const { issuer } = request
  const kind = providerKindOf(connection)
  return {
    name: connection.name,
    label: connectionLabel(connection),
    kind,
    kindName: providerNames[kind],
    issuer: issuerOf(connection),
    clientId: connection.clientId,
    enabled: connection.enabled,
    required: connection.required,
    state: stateOf(connection),
    callbackUrl: callbackUrl(issuer, connection),
    // GitHub and Google sign nobody out.
    signedOutUrl: connection.type === 'oidc' ? signedOutUrl(issuer, connection) : undefined,
    href: pageOfConnection(request, connection),
  }
}

function stateOf({ enabled, required }: Pick<Connection, 'enabled' | 'required'>): { text: Message; tone: string } {
  if (!enabled) return { text: message('connections.state.off'), tone: '' }
  if (required) return { text: message('connections.state.required'), tone: 'accent' }
  return { text: message('connections.state.on'), tone: 'good' }
}
