import { sql } from 'kysely'
import type { Provider } from 'oidc-provider'
import type { VerifyJwt } from '#credentials/resolve/credential.ts'
import { jwtVerifier } from '#credentials/resolve/verify-jwt.ts'
import { accessTokenSigner, type SignAccessToken } from '#credentials/signing-keys/sign-access-token.ts'
import { loadSigningKeys, publicPart } from '#credentials/signing-keys/signing-keys.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { createProvider, type ProviderParts } from './provider.ts'

/**
 * The provider and the verifier as the database has them now. oidc-provider takes its keys and scopes once, so it is
 * built anew when a key was rotated or the catalogue of permissions changed; requests under way keep the one they began
 * with.
 */
export interface CurrentProvider {
  provider(): Provider
  verifyJwt: VerifyJwt
  signAccessToken: SignAccessToken
  /** Looks for a change; a job does so every few seconds. */
  refresh(): Promise<void>
}

export async function keepCurrentProvider(parts: {
  db: Queryable
  encryption: Encryption
  provider: Omit<ProviderParts, 'signingKeys' | 'permissionNames'>
}): Promise<CurrentProvider> {
  let current = await build()

  async function build() {
    const signingKeys = await loadSigningKeys(parts.db, parts.encryption)
    const version = await readVersion(parts.db)
    const permissionNames = await listPermissionNames(parts.db)
    const provider = createProvider({ ...parts.provider, signingKeys, permissionNames })
    const verifyJwt = jwtVerifier(signingKeys.map(publicPart), parts.provider.issuer)
    return { provider, verifyJwt, signAccessToken: await accessTokenSigner(signingKeys), version }
  }

  async function refresh() {
    if ((await readVersion(parts.db)) !== current.version) current = await build()
  }

  return {
    provider: () => current.provider,
    verifyJwt: (jwt) => current.verifyJwt(jwt),
    signAccessToken: (claims) => current.signAccessToken(claims),
    refresh,
  }
}

async function listPermissionNames(db: Queryable): Promise<string[]> {
  const rows = await db.selectFrom('permissions').select('name').orderBy('name').execute()
  return rows.map((row) => row.name)
}

/** Changes with whatever the provider is built from. */
async function readVersion(db: Queryable): Promise<string> {
  const { rows } = await sql<{ version: string }>`select concat(
    (select string_agg(kid || status, ',' order by kid) from signing_keys), '/',
    (select md5(string_agg(name, ',' order by name)) from permissions)) as version`.execute(db)
  return rows[0]?.version ?? ''
}
