import { findKeptAnswer, keepAnswer, lockGrantOf } from '#credentials/grants/kept-answers.ts'
import { type RenewedToken, recordTokenRenewal } from '#credentials/log/record-token-renewal.ts'
import { revokeGrant } from '#credentials/revocation/revocation.ts'
import { builtInClientId } from '#directory/clients/built-in-client.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { databaseNow } from '#foundation/database/clock.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { renewTokens } from '#protocol/provider/direct-tokens.ts'
import type { DirectAuthentication, DirectAuthenticationParts } from './authenticate-directly.ts'

export interface Renewal {
  token: string
  method: string
  ip: string
  userAgent: string | undefined
}

type RenewalParts = Pick<DirectAuthenticationParts, 'requestTransaction' | 'encryption' | 'current'>

/**
 * Renews the tokens of direct authentication by the access token in use or its refresh token: same organization, the
 * refresh token spent, the access token left to its own end. The same token again within 10 s gets the same answer,
 * since proxies replay a GET; a spent refresh token after that is another's copy, and ends the grant (RFC 9700
 * §4.14). One transaction, the log entry included: refusals commit as well.
 * @throws GatehouseError authentication_required, the same for every cause
 */
export async function renewDirectly(parts: RenewalParts, renewal: Renewal): Promise<DirectAuthentication> {
  const renewed = await parts.requestTransaction.run(async (tx) => {
    const tokenHash = sha256(renewal.token)
    await lockGrantOf(tx, tokenHash)
    const token = await findToken(tx, tokenHash)
    const answer = token ? await renew(parts, tx, token, renewal.token) : 'unknown'
    const { method, ip, userAgent } = renewal
    const reason = typeof answer === 'string' ? answer : null
    await recordTokenRenewal(tx, { token, reason, method, ip, userAgent })
    return typeof answer === 'string' ? undefined : answer
  })
  if (renewed) return renewed
  throw new GatehouseError(
    'authentication_required',
    'This token cannot be renewed: it is unknown, has ended or was renewed before. Sign in again.',
  )
}

type PresentedToken = NonNullable<Awaited<ReturnType<typeof findToken>>>

/** @returns the answer, or the reason why there is none */
async function renew(parts: RenewalParts, tx: Queryable, token: PresentedToken, presented: string) {
  const foreign = reasonOfOrigin(token) ?? reasonOfGrant(token)
  if (foreign) return foreign
  const request = sha256(`/v1/auth/refresh ${presented}`)
  const kept = await findKeptAnswer(tx, request)
  if (kept) return JSON.parse(parts.encryption.decrypt(kept)) as DirectAuthentication
  if (token.spentAt) {
    await revokeGrant(tx, token.grantId)
    return 'reused'
  }
  const dead = reasonOfToken(token)
  if (dead) return dead
  const tokens = await renewTokens(parts.current.provider(), tx, hashOfRefreshToken(token))
  if (!tokens) return 'superseded'
  const { organizationId: id, slug, organizationName: name } = token
  const answer: DirectAuthentication = { ...tokens, organization: { id, slug, name } }
  await keepAnswer(tx, request, parts.encryption.encrypt(JSON.stringify(answer)))
  return answer
}

/** Only what was given for our own use: another client renews its tokens itself, and proves who it is. */
function reasonOfOrigin({ clientId, audience, payload }: PresentedToken): string | undefined {
  if (clientId !== builtInClientId) return 'foreign_client'
  return audience !== null || payload?.resource !== undefined ? 'wrong_audience' : undefined
}

function reasonOfGrant(token: PresentedToken): string | undefined {
  if (token.grantRevokedAt || token.sessionUid !== token.liveSessionUid) return 'revoked'
  if (token.userDeactivatedAt) return 'user_deactivated'
  if (token.suspendedAt) return 'organization_suspended'
  if (token.superadmin) return undefined
  if (token.membershipId === null) return 'membership_removed'
  return token.membershipDeactivatedAt ? 'membership_deactivated' : undefined
}

function reasonOfToken(token: PresentedToken): string | undefined {
  if (token.revokedAt) return 'revoked'
  return token.isExpired ? 'expired' : undefined
}

/** An access token stands for the refresh token that it came with: renewed by it, or at the token endpoint, it is old. */
function hashOfRefreshToken({ kind, hash, payload }: PresentedToken): Buffer {
  return kind === 'refresh_token' ? hash : Buffer.from(String(payload?.refreshTokenHash), 'base64')
}

/** An opaque token under a grant, with everything that could have ended it. */
function findToken(tx: Queryable, tokenHash: Buffer) {
  return tx
    .selectFrom('credentials as c')
    .innerJoin('oauthGrants as g', 'g.id', 'c.grantId')
    .innerJoin('users as u', 'u.id', 'g.userId')
    .innerJoin('organizations as o', 'o.id', 'g.organizationId')
    .leftJoin('memberships as m', (join) =>
      join.onRef('m.organizationId', '=', 'g.organizationId').onRef('m.userId', '=', 'g.userId'),
    )
    .leftJoin('sessions as s', (join) => join.onRef('s.uid', '=', 'g.sessionUid').on('s.endedAt', 'is', null))
    .select(['c.hash', 'c.id', 'c.kind', 'c.clientId', 'c.audience', 'c.payload', 'c.spentAt'])
    .select((column) => column('c.expiresAt', '<=', databaseNow).as('isExpired'))
    .select(['c.revokedAt', 'g.id as grantId', 'g.revokedAt as grantRevokedAt', 'g.userId', 'g.organizationId'])
    .select(['g.sessionUid', 's.uid as liveSessionUid'])
    .select(['u.email', 'u.superadmin', 'u.deactivatedAt as userDeactivatedAt'])
    .select(['o.slug', 'o.name as organizationName', 'o.suspendedAt'])
    .select(['m.id as membershipId', 'm.deactivatedAt as membershipDeactivatedAt'])
    .where('c.hash', '=', tokenHash)
    .where('c.format', '=', 'opaque')
    .executeTakeFirst() satisfies Promise<RenewedToken | undefined>
}
