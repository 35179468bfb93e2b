import { requireGrantable } from '#directory/access/catalogue.ts'
import type { Grants } from '#directory/access/grants.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { type ClientMembers, contentOf, describeClient, toClientContent } from './client-content.ts'
import { type ClientManagement, clientSubject, requireManagedClient, requireMayManage } from './managed-client.ts'
import type { ManagedClient } from './managed-client-queries.ts'
import { settledRegistration } from './registration.ts'
import { insertClients } from './save-client.ts'
import { insertSecret, newSecret } from './save-secret.ts'

/** A client that is about to be made. */
export interface NewClientRequest {
  /** Undefined: one is made up. */
  clientId?: string | undefined
  /** Whose it is; null: the deployment's. */
  owner: Pick<Organization, 'id' | 'slug'> | null
  members: ClientMembers
  grants: Grants
  active: boolean
}

/** A client, and the secret that it was given in plain, this once. */
export interface ClientAndSecret {
  client: ManagedClient
  secret: string | undefined
}

/**
 * Makes an application, a resource server or a service account, with a secret if that is how it proves itself.
 * @throws GatehouseError permission_denied, validation_failed, conflict when the id or the resource is taken
 */
export function createClient(db: Queryable, management: ClientManagement, request: NewClientRequest) {
  requireMayManage(management)
  const { owner, members, grants, active, clientId = newId('client') } = request
  const registration = settledRegistration(clientId, members, { hasOrganization: owner !== null, grants })
  return inTransaction(db, async (tx): Promise<ClientAndSecret> => {
    const place = { organizationId: owner?.id ?? null, grants: await requireGrantable(tx, grants), active }
    await insertClients(tx, [{ clientId, ...toClientContent(registration, place) }]).catch(explainConflict)
    const secret = registration.hasSecret ? newSecret() : undefined
    if (secret) await insertSecret(tx, clientId, secret.row)
    const client = await requireManagedClient(tx, management.organization, clientId)
    await recordAuditEvent(tx, {
      actor: management.actor,
      action: 'client.created',
      subject: clientSubject(client),
      organizationId: client.organizationId,
      after: describeClient(contentOf(client), owner?.slug ?? null),
    })
    return { client, secret: secret?.plain }
  })
}

/**
 * Makes a service account of an organization: it gets tokens for itself and nothing else. Its id is always made up: an
 * administrator who could choose would learn of other organizations' by trying, and take names that the deployment wants.
 * @throws GatehouseError permission_denied, validation_failed
 */
export function createServiceAccount(
  db: Queryable,
  { actor, organization }: { actor: ClientManagement['actor']; organization: Pick<Organization, 'id' | 'slug'> },
  { members, grants, active }: { members: ServiceAccountMembers; grants: Grants; active: boolean },
): Promise<ClientAndSecret> {
  const asItself: ClientMembers = { ...members, grant_types: ['client_credentials'] }
  return createClient(db, { actor, organization }, { owner: organization, members: asItself, grants, active })
}

/** What an organization's administrators decide of a service account. */
export type ServiceAccountMembers = Pick<
  ClientMembers,
  'client_name' | 'description' | 'token_endpoint_auth_method' | 'jwks' | 'scope' | 'contacts'
>

/** @throws GatehouseError conflict; the error itself, where it is another */
export function explainConflict(error: unknown): never {
  if (violates(error, 'clients_pkey')) throw taken('client_id', 'is the id of another client already')
  if (violates(error, 'clients_resource_unique')) throw taken('resource', 'belongs to another resource server already')
  throw error
}

function taken(path: string, message: string): GatehouseError {
  return new GatehouseError('conflict', `${path} ${message}.`, { fields: [{ path, message }] })
}
