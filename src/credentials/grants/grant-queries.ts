import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import { toJsonb } from '#foundation/database/jsonb.ts'

export interface NewGrant {
  id: string
  clientId: string
  userId: string
  organizationId: string
  /** The session that gives it; undefined: direct authentication. */
  sessionUid: string | undefined
  /** oidc-provider's own fields. */
  payload: Record<string, unknown>
  lifetimeSeconds: number
}

/** Records a grant; one that is there already gets the new payload. */
export async function saveGrant(db: Queryable, { lifetimeSeconds, sessionUid, ...grant }: NewGrant): Promise<void> {
  const payload = toJsonb(grant.payload)
  await db
    .insertInto('oauthGrants')
    .values({
      ...grant,
      payload,
      sessionUid: sessionUid ?? null,
      expiresAt: sql<Date>`now() + make_interval(secs => ${lifetimeSeconds})`,
    })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ payload }))
    .execute()
}

/**
 * A grant whose user, membership and organization are all active. A superadmin acts in every organization, member or
 * not; a deactivated user or suspended organization stops a superadmin too.
 */
export function findLiveGrant(db: Queryable, id: string) {
  return liveGrants(db).where('g.id', '=', id).executeTakeFirst()
}

/** The latest grant of this session to a client in an organization: what the person has consented to already. */
export function findGrantOfSession(
  db: Queryable,
  { sessionUid, clientId, organizationId }: { sessionUid: string; clientId: string; organizationId: string },
) {
  return liveGrants(db)
    .where('g.sessionUid', '=', sessionUid)
    .where('g.clientId', '=', clientId)
    .where('g.organizationId', '=', organizationId)
    .orderBy('g.createdAt', 'desc')
    .executeTakeFirst()
}

function liveGrants(db: Queryable) {
  return db
    .selectFrom('oauthGrants as g')
    .innerJoin('users as u', 'u.id', 'g.userId')
    .innerJoin('organizations as o', 'o.id', 'g.organizationId')
    .leftJoin('memberships as m', (join) =>
      join.onRef('m.organizationId', '=', 'g.organizationId').onRef('m.userId', '=', 'g.userId'),
    )
    .select(['g.id', 'g.payload', 'g.userId', 'g.organizationId', 'g.sessionUid'])
    .select(['u.name as userName', 'u.email', 'u.emailVerifiedAt', 'o.slug', 'o.name as organizationName'])
    .where('g.revokedAt', 'is', null)
    .where('u.deactivatedAt', 'is', null)
    .where('o.suspendedAt', 'is', null)
    .where((where) =>
      where.or([
        where('u.superadmin', '=', true),
        where.and([where('m.id', 'is not', null), where('m.deactivatedAt', 'is', null)]),
      ]),
    )
}
