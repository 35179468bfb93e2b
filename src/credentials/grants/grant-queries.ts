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

/**
 * Records a grant; one that is there already gets the new payload. The row of its session is held meanwhile: an end of it
 * at this moment waits for the grant, or keeps it from being made.
 * @returns false when its session has ended
 */
export async function saveGrant(db: Queryable, grant: NewGrant): Promise<boolean> {
  const { id, clientId, userId, organizationId, sessionUid = null, lifetimeSeconds } = grant
  const { rows } = await sql`
    insert into oauth_grants (id, client_id, user_id, organization_id, session_uid, payload, expires_at)
    select ${id}, ${clientId}, ${userId}, ${organizationId}, ${sessionUid}, ${toJsonb(grant.payload)}::jsonb,
      now() + make_interval(secs => ${lifetimeSeconds})
    ${sessionUid === null ? sql`` : sql`from sessions where uid = ${sessionUid} and ended_at is null for share`}
    on conflict (id) do update set payload = excluded.payload
    returning id`.execute(db)
  return rows.length > 0
}

/**
 * A grant that was not revoked, whose session has not ended, and whose user, membership and organization are all active. A superadmin acts in every organization, member or
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
    .leftJoin('sessions as s', (join) => join.onRef('s.uid', '=', 'g.sessionUid').on('s.endedAt', 'is', null))
    .select(['g.id', 'g.payload', 'g.userId', 'g.organizationId', 'g.sessionUid'])
    .select(['u.name as userName', 'u.email', 'u.emailVerifiedAt', 'o.slug', 'o.name as organizationName'])
    .select(sql<string>`case when u.superadmin then '["*"]' else m.effective_permissions::text end`.as('permissions'))
    .where('g.revokedAt', 'is', null)
    .where(sql<boolean>`g.session_uid is not distinct from s.uid`)
    .where('u.deactivatedAt', 'is', null)
    .where('o.suspendedAt', 'is', null)
    .where((where) =>
      where.or([
        where('u.superadmin', '=', true),
        where.and([where('m.id', 'is not', null), where('m.deactivatedAt', 'is', null)]),
      ]),
    )
}

/** A client of another party that a person has let act for them. */
export interface AllowedClient {
  clientId: string
  clientName: string
  organizationIds: string[]
  firstAllowedAt: Date
  expiresAt: Date
}

/** Clients that are not ours and hold a live grant of a person, by name. */
export async function listAllowedClients(db: Queryable, userId: string): Promise<AllowedClient[]> {
  const { rows } = await sql<AllowedClient>`
    select c.client_id, c.client_name, array_agg(distinct g.organization_id) as organization_ids,
      min(g.created_at) as first_allowed_at, max(g.expires_at) as expires_at
    from oauth_grants g join clients c on c.client_id = g.client_id
    left join sessions s on s.uid = g.session_uid and s.ended_at is null
    where g.user_id = ${userId} and g.revoked_at is null and g.expires_at > now() and not c.first_party
      and g.session_uid is not distinct from s.uid
    group by c.client_id, c.client_name order by lower(c.client_name), c.client_id limit 100`.execute(db)
  return rows
}
