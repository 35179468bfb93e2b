import type { Grants } from '#directory/access/grants.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { type ClientRegistration, clientProblems } from './client.ts'
import type { ClientMembers } from './client-content.ts'

/**
 * A registration as the API takes it: without a method of authentication it is by a secret (RFC 7591 §2), which we make.
 * @throws GatehouseError validation_failed naming each member at fault
 */
export function settledRegistration(
  clientId: string,
  members: ClientMembers,
  { hasOrganization, grants }: { hasOrganization: boolean; grants: Grants },
): ClientRegistration {
  const method = members.token_endpoint_auth_method ?? 'client_secret_basic'
  const registration: ClientRegistration = {
    ...members,
    client_id: clientId,
    token_endpoint_auth_method: method,
    hasSecret: method.startsWith('client_secret_'),
    hasOrganization,
    hasGrants: grants.permissions.length > 0 || grants.dataScopes.length > 0,
  }
  const fields = clientProblems(registration).map(({ path, message }) => ({ path: path.join('.'), message }))
  if (fields.length === 0) return registration
  const named = fields.map((field) => `${field.path}: ${field.message}`).join('; ')
  throw new GatehouseError('validation_failed', `Some fields are not valid. ${named}`, { fields })
}
