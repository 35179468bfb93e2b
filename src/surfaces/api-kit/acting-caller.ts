import { type Actor, requireActor } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { AuthenticatedCaller } from './authenticated-caller.ts'

/**
 * The person who asks our own API for something. A token that a client which is not first-party holds, and a key that was
 * narrowed, carry less than their owner, so neither makes its bearer an administrator.
 * @throws GatehouseError permission_denied for a service account
 */
export function actorOf(db: Queryable, { credential }: Pick<AuthenticatedCaller, 'credential'>): Promise<Actor> {
  const { kind, id, userId, organizationId, firstParty, ownPermissions, ownDataScopes } = credential
  const narrowed = !firstParty || ownPermissions !== null || ownDataScopes !== null
  return requireActor(db, { userId, organizationId, narrowed, apiKeyId: kind === 'api_key' ? id : undefined })
}
