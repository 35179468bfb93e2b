import { exportJWK, generateKeyPair } from 'jose'
import Provider, { type Adapter, type AdapterPayload } from 'oidc-provider'

/**
 * oidc-provider by itself, in memory: what the token endpoint could do without a database, transactions or replay
 * protection. Prints a refresh token for each connection of the benchmark before it is ready.
 */
const port = Number(process.env.PORT)

/** The library's own keeps a thousand records and forgets the rest, refresh tokens in use among them. */
class Records implements Adapter {
  readonly #records = new Map<string, AdapterPayload>()
  upsert = async (id: string, payload: AdapterPayload) => void this.#records.set(id, payload)
  find = async (id: string) => this.#records.get(id)
  consume = async (id: string) => void Object.assign(this.#records.get(id) ?? {}, { consumed: true })
  destroy = async (id: string) => void this.#records.delete(id)
  findByUid = async () => undefined
  findByUserCode = async () => undefined
  revokeByGrantId = async () => undefined
}

const { privateKey } = await generateKeyPair('ES256', { extractable: true })
const provider = new Provider(`http://localhost:${port}`, {
  adapter: Records as never,
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'bench' }] } as never,
  clients: [
    {
      client_id: 'console',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://localhost:8080/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      id_token_signed_response_alg: 'ES256',
    },
    {
      client_id: 'nightly-export',
      client_secret: 'bench-secret-0123456789',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
  scopes: ['openid', 'email', 'offline_access'],
  claims: { openid: ['sub'], email: ['email'] },
  findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId, email: 'ada@acme.test' }) }),
  routes: { token: '/oauth/token' },
  rotateRefreshToken: true,
  cookies: { keys: ['bench'] },
  ttl: { AccessToken: 900, Grant: 86_400, RefreshToken: 86_400, ClientCredentials: 900, IdToken: 3600 },
})

const client = await provider.Client.find('console')
const refreshTokens: string[] = []
for (let connection = 0; connection < Number(process.env.CONNECTIONS); connection++) {
  const grant = new provider.Grant({ accountId: `usr_${connection}`, clientId: 'console' })
  grant.addOIDCScope('openid email')
  const grantId = await grant.save()
  const token = new provider.RefreshToken({
    accountId: `usr_${connection}`,
    client: client!,
    grantId,
    gty: 'authorization_code',
    scope: 'openid email',
    rotations: 0,
    authTime: Math.floor(Date.now() / 1000),
  } as never)
  refreshTokens.push(await token.save())
}
provider.listen(port, '127.0.0.1', () => process.stdout.write(`${JSON.stringify(refreshTokens)}\nready\n`))
