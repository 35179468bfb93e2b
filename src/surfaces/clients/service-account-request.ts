import { requireManagedClient } from '#directory/clients/managed-client.ts'
import type { ManagedClient } from '#directory/clients/managed-client-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { ShownOnce } from '#surfaces/page-kit/shown-once.ts'
import type { SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'

export const accountsPath = '/admin/service-accounts'

export interface AccountRequest extends SignedInRequest {
  db: Queryable
  issuer: string
  once: ShownOnce
}

export function pathOfAccount(clientId: string): string {
  return `${accountsPath}/${encodeURIComponent(clientId)}`
}

/** @throws GatehouseError not_found, also for another organization's */
export function requireAccount({ ctx, db, actor }: AccountRequest): Promise<ManagedClient> {
  return requireManagedClient(db, { id: actor.organizationId }, ctx.params.client_id ?? '')
}

/** Whether it proves itself by secrets; else by a key of its own. */
export function hasSecrets({ metadata }: Pick<ManagedClient, 'metadata'>): boolean {
  return String(metadata.token_endpoint_auth_method).startsWith('client_secret_')
}

export function managementOf({ actor, signedIn }: AccountRequest) {
  return { actor, organization: signedIn.organization }
}

/** What the views say of an account. */
export function factsOf(account: ManagedClient) {
  const { clientId, clientName, metadata, deactivatedAt, createdAt, lastUsedAt, permissions, dataScopes } = account
  return {
    clientId,
    name: clientName,
    description: metadata.description,
    isActive: deactivatedAt === null,
    hasSecrets: hasSecrets(account),
    createdAt,
    lastUsedAt,
    path: pathOfAccount(clientId),
    grants: permissions.length + dataScopes.length,
  }
}
