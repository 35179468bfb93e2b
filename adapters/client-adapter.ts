import type { Adapter, ClientMetadata } from 'oidc-provider'
import { findActiveClient } from '#directory/clients/client-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { secretsAsText } from '#protocol/library/client-secrets.ts'
import { type ClientInExchange, currentExchange, foundAs } from '#protocol/request/token-exchange.ts'

/** oidc-provider reads clients; they are written by `src/directory/clients/` alone. */
export function clientAdapter(db: () => Queryable): Adapter {
  return {
    async find(clientId) {
      const known = foundAs(currentExchange()?.found.client, clientId)
      const client = known ? known.is : await findActiveClient(db(), clientId)
      return client && toMetadata(client)
    },
    upsert: readOnly,
    destroy: readOnly,
    consume: readOnly,
    revokeByGrantId: readOnly,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
  }
}

type KnownClient = Omit<ClientInExchange, 'organization'>

function toMetadata(client: KnownClient): ClientMetadata {
  return {
    ...client.metadata,
    client_id: client.clientId,
    client_name: client.clientName,
    ...(provesItselfBySecret(client) && { client_secret: secretsAsText(client.secrets) }),
    first_party: client.firstParty,
    organization_id: client.organizationId ?? undefined,
    permissions: client.permissions,
  }
}

function provesItselfBySecret({ metadata, secrets }: KnownClient): boolean {
  return secrets.length > 0 || String(metadata.token_endpoint_auth_method).startsWith('client_secret_')
}

async function readOnly(): Promise<never> {
  throw new Error('clients are not written through oidc-provider')
}
