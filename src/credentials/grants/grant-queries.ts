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

/** A grant that gives something at this moment, with whom and what it is for. */
export interface LiveGrant {
  id: string
  /** oidc-provider's own fields. */
  payload: Record<string, unknown>
  userId: string
  organizationId: string
  sessionUid: string | null
  userName: string
  email: string
  emailVerifiedAt: Date | null
  slug: string
  organizationName: string
  /** JSON text: what its holder may do there. */
  permissions: string
}

/**
 * A grant that was not revoked, whose session has not ended, and whose user, membership and organization are all active. A superadmin acts in every organization, member or
 * not; a deactivated user or suspended organization stops a superadmin too.
 */
export async function findLiveGrant(db: Queryable, id: string): Promise<LiveGrant | undefined> {
  const { rows } = await sql<LiveGrant>`${sql.raw(liveGrants)} and g.id = ${id}`.execute(db)
  return rows[0]
}

/** The latest grant of this session to a client in an organization: what the person has consented to already. */
export async function findGrantOfSession(
  db: Queryable,
  { sessionUid, clientId, organizationId }: { sessionUid: string; clientId: string; organizationId: string },
): Promise<LiveGrant | undefined> {
  const { rows } = await sql<LiveGrant>`${sql.raw(liveGrants)}
    and g.session_uid = ${sessionUid} and g.client_id = ${clientId} and g.organization_id = ${organizationId}
    order by g.created_at desc limit 1`.execute(db)
  return rows[0]
}

/** SQL without parameters, with `g` for the grant; its end takes more conditions. */
export const liveGrants = `
  select g.id, g.payload, g.user_id, g.organization_id, g.session_uid, u.name as user_name, u.email, u.email_verified_at,
    o.slug, o.name as organization_name,
    case when u.superadmin then '["*"]' else m.effective_permissions::text end as permissions
  from oauth_grants g
  join users u on u.id = g.user_id
  join organizations o on o.id = g.organization_id
  left join memberships m on m.organization_id = g.organization_id and m.user_id = g.user_id
  left join sessions s on s.uid = g.session_uid and s.ended_at is null
  where g.revoked_at is null and g.session_uid is not distinct from s.uid
    and u.deactivated_at is null and o.suspended_at is null
    and (u.superadmin or (m.id is not null and m.deactivated_at is null))`

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

/**
 * In how many browsers a person is signed in to an organization, and when the last of them was in use; what they do in
 * another organization is not told.
 * @param idleSeconds after which a session ends by itself
 */
export async function countSessionsIn(
  db: Queryable,
  { userId, organizationId, idleSeconds }: { userId: string; organizationId: string; idleSeconds: number },
): Promise<{ sessions: number; lastUsedAt: Date | null }> {
  const { rows } = await sql<{ sessions: string; lastUsedAt: Date | null }>`
    select count(distinct s.uid) as sessions, max(s.last_used_at) as last_used_at
    from oauth_grants g join sessions s on s.uid = g.session_uid
    where g.user_id = ${userId} and g.organization_id = ${organizationId} and g.revoked_at is null
      and g.expires_at > now() and s.ended_at is null
      and s.last_used_at > now() - make_interval(secs => ${idleSeconds})`.execute(db)
  const { sessions, lastUsedAt } = rows[0]!
  return { sessions: Number(sessions), lastUsedAt }
}
