import type { Queryable } from '#foundation/database/database.ts'

/** Ends what a grant gave: its access and refresh tokens are dead in the next statement that looks them up. */
export async function revokeGrant(db: Queryable, grantId: string): Promise<void> {
  await db
    .updateTable('oauthGrants')
    .set({ revokedAt: new Date() })
    .where('id', '=', grantId)
    .where('revokedAt', 'is', null)
    .execute()
}

/** Ends the whole grant that a token belongs to; of a token without one (a service account's), the token itself. */
export async function revokeGrantOfToken(tx: Queryable, tokenHash: Buffer): Promise<void> {
  const token = await tx
    .updateTable('credentials')
    .set({ revokedAt: new Date() })
    .where('hash', '=', tokenHash)
    .returning('grantId')
    .executeTakeFirst()
  if (token?.grantId) await revokeGrant(tx, token.grantId)
}

/** Ends every grant that a session gave: signing out. */
export async function revokeGrantsOfSession(db: Queryable, sessionUid: string): Promise<void> {
  await db
    .updateTable('oauthGrants')
    .set({ revokedAt: new Date() })
    .where('sessionUid', '=', sessionUid)
    .where('revokedAt', 'is', null)
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
