import { type ClientManagement, requireManagedClient } from '#directory/clients/managed-client.ts'
import type { ManagedClient } from '#directory/clients/managed-client-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import type { ShownOnce } from '#surfaces/page-kit/shown-once.ts'
import type { SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { kindOf } from './client-kind.ts'

/** Which clients pages are about: an organization's service accounts, or the applications and APIs of all. */
export interface ClientPlace {
  owner: 'organization' | 'deployment'
  /** Where their list is. */
  at: string
  words: { title: Message; switchedOff: Message; switchedOn: Message }
}

export const clientPlaces = {
  organization: {
    owner: 'organization',
    at: '/admin/service-accounts',
    words: {
      title: message('service-accounts.title'),
      switchedOff: message('service-accounts.switched_off'),
      switchedOn: message('service-accounts.switched_on'),
    },
  },
  deployment: {
    owner: 'deployment',
    at: '/deployment/applications',
    words: {
      title: message('applications.title'),
      switchedOff: message('applications.switched_off'),
      switchedOn: message('applications.switched_on'),
    },
  },
} as const satisfies Record<ClientPlace['owner'], ClientPlace>

/** What the pages of clients take. */
export interface ClientPagesParts {
  db: Queryable
  issuer: string
  once: ShownOnce
}

export type ClientRequest = SignedInRequest & ClientPagesParts & ClientPlace

export function managementOf({ owner, actor, signedIn }: ClientRequest): ClientManagement {
  return { actor, organization: owner === 'organization' ? signedIn.organization : null }
}

/** The client that the path names. @throws GatehouseError not_found, also for another place's */
export async function requireClient(request: ClientRequest): Promise<ManagedClient> {
  const { ctx, db, owner } = request
  const client = await requireManagedClient(db, managementOf(request).organization, ctx.params.client_id ?? '')
  if (owner === 'deployment' && kindOf(client) === 'service_account')
    throw new GatehouseError('not_found', 'There is no such client.')
  return client
}

export function pathOfClient({ at }: Pick<ClientPlace, 'at'>, clientId: string): string {
  return `${at}/${encodeURIComponent(clientId)}`
}

/** What every page of a place tells its view. */
export function placeOf({ at, words }: ClientPlace) {
  return { at, title: words.title }
}

/** What the views say of a client. */
export function factsOf(place: Pick<ClientPlace, 'at'>, client: ManagedClient) {
  const { clientId, clientName, metadata, deactivatedAt, createdAt, lastUsedAt, permissions, dataScopes } = client
  return {
    clientId,
    name: clientName,
    description: metadata.description,
    isActive: deactivatedAt === null,
    hasSecrets: String(metadata.token_endpoint_auth_method).startsWith('client_secret_'),
    createdAt,
    lastUsedAt,
    path: pathOfClient(place, clientId),
    grants: permissions.length + dataScopes.length,
  }
}
