import type { ClaimsParameter, Provider } from 'oidc-provider'
import { spendRefreshToken } from '#credentials/issued/tokens.ts'
import { builtInClientId } from '#directory/clients/built-in-client.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { newGrant } from './grant.ts'
import { accessTokenSeconds } from './provider.ts'

/*
 * Tokens outside a protocol request: made by oidc-provider's own models for the built-in client, so that introspection,
 * revocation, logs and sign-out know them as any other. Call these inside `RequestTransaction.run`.
 */

export interface TokenPair {
  accessToken: string
  refreshToken: string
  expiresInSeconds: number
}

const signInScope = 'openid profile email'

/** A grant of its own with the first pair of tokens, for a person who has just proved who they are. */
export async function issueTokens(
  provider: Provider,
  { userId, organizationId }: { userId: string; organizationId: string },
): Promise<TokenPair> {
  const grant = newGrant(provider, {
    accountId: userId,
    clientId: builtInClientId,
    organizationId,
    sessionUid: undefined,
  })
  grant.addOIDCScope(signInScope)
  const grantId = await grant.save()
  return savePair(provider, {
    accountId: userId,
    grantId,
    scope: signInScope,
    gty: 'password',
    amr: ['pwd'],
    authTime: Math.floor(Date.now() / 1000),
    rotations: 0,
  })
}

/**
 * Spends a refresh token and gives the next pair, for as long as its lifetime lets it; earlier access tokens live to
 * their own end.
 * @returns undefined when it is no live refresh token any more
 */
export async function renewTokens(
  provider: Provider,
  tx: Queryable,
  refreshTokenHash: Buffer,
): Promise<TokenPair | undefined> {
  const spent = (await spendRefreshToken(tx, refreshTokenHash)) as TokenPayload | undefined
  if (!spent) return undefined
  const { iat: _, exp: __, kind: ___, clientId: ____, rotations = 0, ...kept } = spent
  return savePair(provider, { ...kept, rotations: rotations + 1 })
}

/** What a refresh token hands on to the next one, in oidc-provider's words. */
interface TokenPayload {
  accountId: string
  grantId: string
  scope: string
  gty: string
  claims?: ClaimsParameter
  sessionUid?: string
  sid?: string
  rotations?: number
  /** When the first of the family was issued: its absolute end counts from there. */
  iiat?: number
  [more: string]: unknown
}

async function savePair(provider: Provider, payload: TokenPayload): Promise<TokenPair> {
  const client = await provider.Client.find(builtInClientId)
  if (!client) throw new Error('the built-in client is missing')
  const refresh = new provider.RefreshToken({ ...payload, client })
  const refreshToken = await refresh.save()
  const { accountId, grantId, gty, claims, sessionUid, sid, scope } = payload
  const access = new provider.AccessToken({
    accountId,
    grantId,
    gty,
    claims,
    sessionUid,
    sid,
    scope,
    client,
    refreshTokenHash: sha256(refreshToken).toString('base64'),
    expiresIn: Math.min(accessTokenSeconds, refresh.expiration),
  })
  return { accessToken: await access.save(), refreshToken, expiresInSeconds: access.expiration }
}
