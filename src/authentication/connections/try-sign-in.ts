import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { callbackUrl } from './connection.ts'
import { type ForetoldSignIn, foretellSignIn } from './foretell-sign-in.ts'
import type { UpstreamRequest } from './openid-upstream.ts'
import { type ConnectionManagement, connectionSubject, requireMayManageConnections } from './save-connection.ts'
import { UpstreamError, type UpstreamFailure } from './upstream-error.ts'
import type { Introduction } from './upstream-identity.ts'
import type { Upstreams } from './upstreams.ts'

export interface TrySignInParts {
  /** Ours: the base of the callback. */
  issuer: string
  upstreams: Upstreams
  signUp: 'open' | 'closed'
}

/** What came of a sign-in that was only tried. */
export type TriedSignIn =
  | ({ outcome: 'identified'; foretold: ForetoldSignIn } & Introduction)
  /** @param reason a code of ours or of a specification */
  | { outcome: 'failed'; failure: UpstreamFailure; reason: string }

/**
 * The end of a round trip that an administrator has begun to try a connection, enabled or not: asks the provider who came
 * back, and what would happen at a sign-in. Signs nobody in and writes nothing but that it was tried, and how it went.
 * @param answer.query of the callback, `?` and all
 * @throws GatehouseError permission_denied
 */
export async function finishTriedSignIn(
  db: Queryable,
  parts: TrySignInParts,
  management: ConnectionManagement,
  answer: { connection: Connection; request: UpstreamRequest; query: string },
): Promise<TriedSignIn> {
  requireMayManageConnections(management)
  const { connection } = answer
  const tried = await identify(db, parts, answer)
  await recordAuditEvent(db, {
    actor: management.actor,
    action: 'connection.tried',
    subject: connectionSubject(connection),
    organizationId: connection.organizationId,
    after: { result: resultOf(tried) },
  })
  return tried
}

async function identify(
  db: Queryable,
  { issuer, upstreams, signUp }: TrySignInParts,
  { connection, request, query }: { connection: Connection; request: UpstreamRequest; query: string },
): Promise<TriedSignIn> {
  const callback = new URL(callbackUrl(issuer, connection))
  callback.search = query
  try {
    const { identity, claims } = await upstreams.introduce(connection, callback, request)
    const foretold = await foretellSignIn(db, { connection, identity, signUp })
    return { outcome: 'identified', identity, claims, foretold }
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    return { outcome: 'failed', failure: error.failure, reason: error.reason }
  }
}

function resultOf(tried: TriedSignIn): string {
  if (tried.outcome === 'failed') return tried.failure
  const { foretold } = tried
  return foretold.outcome === 'refused' ? foretold.reason : 'signed_in'
}
