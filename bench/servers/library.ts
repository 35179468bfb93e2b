import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import Provider from 'oidc-provider'
import { clients, redirectUri, resourceServer, scope, serviceAccount } from '../clients.ts'
import { redisAdapters } from './library-redis.ts'

/**
 * oidc-provider by itself over Redis: what the library does with durable records, without transactions, permissions or a
 * log. Prints access tokens to introspect, and refresh tokens for each connection of each client, before it is ready.
 * Whoever comes to sign in is whom `login_hint` names, and every client is the deployment's own.
 */
const port = Number(process.env.PORT)
const { origin } = new URL(`http://localhost:${port}`)

const signingKeys = await Promise.all(
  ['ES256', 'RS256'].map(async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true })
    return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: alg }
  }),
)

const confidential = ({ clientId, clientSecret }: { clientId: string; clientSecret: string }) => ({
  client_id: clientId,
  client_secret: clientSecret,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [] as never[],
})

const provider = new Provider(origin, {
  adapter: redisAdapters(process.env.REDIS_URL ?? '') as never,
  jwks: { keys: signingKeys } as never,
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  clients: [
    ...Object.values(clients).map(({ clientId, algorithm }) => ({
      client_id: clientId,
      token_endpoint_auth_method: 'none' as const,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      id_token_signed_response_alg: algorithm,
    })),
    confidential(serviceAccount),
    confidential(resourceServer),
  ],
  enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
  },
  scopes: ['openid', 'email', 'offline_access'],
  claims: { openid: ['sub'], email: ['email'] },
  pkce: { required: () => true },
  findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId, email: 'ada@acme.test' }) }),
  loadExistingGrant: async ({ oidc }) => {
    const grantId = oidc.session?.grantIdFor(oidc.client!.clientId)
    return grantId ? provider.Grant.find(grantId) : saveGrant(oidc.session!.accountId!, oidc.client!.clientId)
  },
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
  routes: { authorization: '/oauth/authorize', token: '/oauth/token', introspection: '/oauth/introspect' },
  rotateRefreshToken: true,
  cookies: { keys: ['bench'] },
  ttl: {
    AccessToken: 900,
    Grant: 86_400,
    RefreshToken: 86_400,
    ClientCredentials: 900,
    IdToken: 3600,
    Session: 86_400,
  },
})

async function saveGrant(accountId: string, clientId: string) {
  const grant = new provider.Grant({ accountId, clientId })
  grant.addOIDCScope(scope)
  await grant.save()
  return grant
}

async function saveTokens(kind: 'AccessToken' | 'RefreshToken', clientId: string, count: number): Promise<string[]> {
  const client = await provider.Client.find(clientId)
  const tokens: string[] = []
  for (let person = 0; person < count; person++) {
    const accountId = `usr_${person}`
    const { jti: grantId } = await saveGrant(accountId, clientId)
    const common = { accountId, client: client!, grantId, gty: 'authorization_code', scope }
    const token = new provider[kind]({ ...common, rotations: 0, authTime: Math.floor(Date.now() / 1000) } as never)
    tokens.push(await token.save())
  }
  return tokens
}

const connections = Number(process.env.CONNECTIONS)
const seeded = {
  tokens: await saveTokens('AccessToken', clients.es256.clientId, Number(process.env.TOKENS)),
  refreshTokens: {
    es256: await saveTokens('RefreshToken', clients.es256.clientId, connections),
    rs256: await saveTokens('RefreshToken', clients.rs256.clientId, connections),
  },
}

const callback = provider.callback()
createServer(async (request, response) => {
  if (!request.url?.startsWith('/interaction/')) return callback(request, response)
  const { params } = await provider.interactionDetails(request, response)
  await provider.interactionFinished(request, response, { login: { accountId: String(params.login_hint) } })
}).listen(port, '127.0.0.1', () => process.stdout.write(`${JSON.stringify(seeded)}\nready\n`))
