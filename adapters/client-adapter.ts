import type { Adapter, ClientMetadata } from 'oidc-provider'
import { findActiveClient } from '#directory/clients/client-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Client } from '#foundation/database/schema.ts'

/** oidc-provider reads clients; they are written by `src/directory/clients/` alone. */
export function clientAdapter(db: () => Queryable): Adapter {
  return {
    async find(clientId) {
      const client = await findActiveClient(db(), clientId)
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

/** The secret's place holds its SHA-256 in hex: `src/protocol/library/client-secrets.ts` compares hashes. */
function toMetadata(client: Client): ClientMetadata {
  return {
    ...client.metadata,
    client_id: client.clientId,
    client_name: client.clientName,
    ...(client.secretHash && { client_secret: client.secretHash.toString('hex') }),
    first_party: client.firstParty,
    organization_id: client.organizationId ?? undefined,
    permissions: client.permissions,
  }
}

async function readOnly(): Promise<never> {
  throw new Error('clients are not written through oidc-provider')
}
