import { sql } from 'kysely'
import { databaseNow } from '#foundation/database/clock.ts'
import type { Queryable } from '#foundation/database/database.ts'

/** What became of a key: it is the caller's own now, or it was used before, for this request or another one. */
export type Claim = { outcome: 'first' } | { outcome: 'repeated'; answer: Buffer | undefined } | { outcome: 'other' }

/**
 * Claims an Idempotency-Key until `tx` ends, and for good when it commits. Where another transaction is claiming it, this
 * waits for that one.
 * @param keyHash SHA-256 of caller, route and key @param requestHash SHA-256 of what is asked
 */
export async function claimRequest(
  tx: Queryable,
  { keyHash, requestHash, lifetimeSeconds }: { keyHash: Buffer; requestHash: Buffer; lifetimeSeconds: number },
): Promise<Claim> {
  const claimed = await tx
    .insertInto('idempotentRequests')
    .values({ keyHash, requestHash, expiresAt: after(lifetimeSeconds) })
    .onConflict((conflict) =>
      conflict
        .column('keyHash')
        .doUpdateSet({ requestHash, expiresAt: after(lifetimeSeconds) })
        // One that is over, and not swept yet.
        .where('idempotentRequests.expiresAt', '<', databaseNow),
    )
    .returning('keyHash')
    .executeTakeFirst()
  if (claimed) return { outcome: 'first' }
  const kept = await tx
    .selectFrom('idempotentRequests as r')
    .leftJoin('idempotentAnswers as a', (join) =>
      join.onRef('a.keyHash', '=', 'r.keyHash').on('a.expiresAt', '>', databaseNow),
    )
    .select(['r.requestHash', 'a.answer'])
    .where('r.keyHash', '=', keyHash)
    .executeTakeFirstOrThrow()
  if (!kept.requestHash.equals(requestHash)) return { outcome: 'other' }
  return { outcome: 'repeated', answer: kept.answer ?? undefined }
}

/** @param answer encrypted @param lifetimeSeconds how long a repeat may read it */
export async function keepRequestAnswer(
  tx: Queryable,
  { keyHash, answer, lifetimeSeconds }: { keyHash: Buffer; answer: Buffer; lifetimeSeconds: number },
): Promise<void> {
  const kept = { answer, expiresAt: after(lifetimeSeconds) }
  await tx
    .insertInto('idempotentAnswers')
    .values({ keyHash, ...kept })
    .onConflict((conflict) => conflict.column('keyHash').doUpdateSet(kept))
    .execute()
}

function after(seconds: number) {
  return sql<Date>`now() + ${seconds} * interval '1 second'`
}
