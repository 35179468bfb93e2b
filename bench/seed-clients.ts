import { sha256 } from '#foundation/crypto/sha256.ts'
import { type Database, toJson } from '#foundation/database/database.ts'
import { clients, redirectUri, resourceServer, serviceAccount } from './clients.ts'

/** The clients of `clients.ts`: two for people, first-party and public, a resource server and a service account. */
export async function insertClients({ db }: Database): Promise<void> {
  const common = { resource: null, deactivatedAt: null, revision: 'bench', organizationId: null }
  const confidential = toJson({ redirect_uris: [], response_types: [], grant_types: ['client_credentials'] })
  await db
    .insertInto('clients')
    .values([
      ...Object.values(clients).map(({ clientId, algorithm }) => ({
        ...common,
        clientId,
        clientName: clientId,
        firstParty: true,
        metadata: toJson({
          redirect_uris: [redirectUri],
          token_endpoint_auth_method: 'none',
          grant_types: ['authorization_code', 'refresh_token'],
          id_token_signed_response_alg: algorithm,
        }),
      })),
      {
        ...common,
        clientId: resourceServer.clientId,
        clientName: 'Inventory',
        resourceServer: true,
        resource: 'https://inventory.example',
        metadata: confidential,
      },
      {
        ...common,
        clientId: serviceAccount.clientId,
        clientName: 'Nightly export',
        organizationId: 'org_bench',
        permissions: '["configuration-items:read"]',
        metadata: confidential,
      },
    ])
    .execute()
  await db
    .insertInto('clientSecrets')
    .values(
      [resourceServer, serviceAccount].map(({ clientId, clientSecret }) => ({
        id: `sec_${clientId}`,
        clientId,
        hash: sha256(clientSecret),
        hint: null,
        expiresAt: null,
      })),
    )
    .execute()
}
