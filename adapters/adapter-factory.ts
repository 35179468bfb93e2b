import type { Adapter } from 'oidc-provider'
import type { Queryable } from '#foundation/database/database.ts'
import { clientAdapter } from './client-adapter.ts'
import { type CredentialModel, credentialAdapter } from './credential-adapter.ts'
import { grantAdapter } from './grant-adapter.ts'
import { sessionAdapter } from './session-adapter.ts'

/** Which store keeps which of oidc-provider's models. What an outage may lose goes with the protocol state. */
const stores: Record<string, 'clients' | 'grants' | 'credentials' | 'protocol state'> = {
  Client: 'clients',
  Grant: 'grants',
  AccessToken: 'credentials',
  RefreshToken: 'credentials',
  ClientCredentials: 'credentials',
  Session: 'protocol state',
  Interaction: 'protocol state',
  AuthorizationCode: 'protocol state',
  PushedAuthorizationRequest: 'protocol state',
  DeviceCode: 'protocol state',
}

/**
 * @param db the current request's transaction, or the database
 * @param protocolState the store of short-lived models: Redis, or the database
 */
export function adapterFactory({
  db,
  protocolState,
}: {
  db: () => Queryable
  protocolState: (model: string) => Adapter
}): (model: string) => Adapter {
  return (model) => {
    switch (stores[model]) {
      case 'clients':
        return clientAdapter(db)
      case 'grants':
        return grantAdapter(db)
      case 'credentials':
        return credentialAdapter(model as CredentialModel, db)
      case 'protocol state':
        return model === 'Session' ? sessionAdapter(protocolState(model), db) : protocolState(model)
      default:
        throw new Error(`no store for ${model}`)
    }
  }
}
