import { sql } from 'kysely'
import { listAllowedClients } from '#credentials/grants/grant-queries.ts'
import { inSnapshot, type Queryable } from '#foundation/database/database.ts'

/** How much goes with a person's account. */
export interface PersonCounts {
  organizations: number
  /** Not revoked, not expired. */
  apiKeys: number
  sessions: number
  /** Accounts elsewhere by which they sign in. */
  identities: number
}

export async function countsOfPerson(db: Queryable, userId: string): Promise<PersonCounts> {
  const { rows } = await sql<PersonCounts>`
    select
      (select count(*) from memberships where user_id = ${userId}) as organizations,
      (select count(*) from credentials where kind = 'api_key' and user_id = ${userId} and revoked_at is null
        and expires_at > now()) as api_keys,
      (select count(*) from sessions where user_id = ${userId} and ended_at is null) as sessions,
      (select count(*) from identities where user_id = ${userId}) as identities`.execute(db)
  return rows[0]!
}

/**
 * What is stored of a person, for themselves (GDPR, articles 15 and 20), as of one moment: all but the logs, which have an
 * export of their own, and what would open the account.
 * @returns JSON; times are ISO 8601 in UTC
 */
export function dataOfPerson(db: Queryable, userId: string): Promise<Record<string, unknown>> {
  return inSnapshot(db, async (tx) => {
    const { rows } = await sql<{ data: Record<string, unknown> }>`
      select json_build_object(
        'id', u.id, 'email', u.email, 'email_verified', u.email_verified_at is not null, 'name', u.name,
        'superadmin', u.superadmin, 'has_password', u.password_hash is not null, 'created_at', u.created_at,
        'organizations', (select coalesce(json_agg(json_build_object('slug', o.slug, 'name', o.name, 'admin', m.admin,
            'active', m.deactivated_at is null, 'since', m.created_at, 'permissions', m.effective_permissions,
            'data_scopes', m.effective_data_scopes, 'teams', (select coalesce(json_agg(t.name order by t.name), '[]')
              from team_members p join teams t on t.id = p.team_id where p.membership_id = m.id)) order by o.slug), '[]')
          from memberships m join organizations o on o.id = m.organization_id where m.user_id = u.id),
        'identities', (select coalesce(json_agg(json_build_object('connection', c.name, 'issuer', i.issuer, 'subject', i.subject,
            'email', i.email, 'created_at', i.created_at, 'last_used_at', i.last_used_at) order by i.created_at), '[]')
          from identities i join connections c on c.id = i.connection_id where i.user_id = u.id),
        'api_keys', (select coalesce(json_agg(json_build_object('id', k.id, 'name', k.name, 'description', k.description,
            'hint', k.hint, 'organization', o.slug, 'created_at', k.issued_at, 'expires_at', k.expires_at,
            'revoked_at', k.revoked_at) order by k.issued_at), '[]')
          from credentials k join organizations o on o.id = k.organization_id
          where k.user_id = u.id and k.kind = 'api_key' and k.deleted_at is null),
        'sessions', (select coalesce(json_agg(json_build_object('ip', s.ip, 'user_agent', s.user_agent,
            'created_at', s.created_at, 'last_used_at', s.last_used_at) order by s.created_at), '[]')
          from sessions s where s.user_id = u.id and s.ended_at is null)
      ) as data from users u where u.id = ${userId}`.execute(tx)
    const clients = await listAllowedClients(tx, userId)
    return {
      ...rows[0]?.data,
      allowed_applications: clients.map(({ clientId, clientName, firstAllowedAt, expiresAt }) => {
        return { client_id: clientId, name: clientName, since: firstAllowedAt, expires_at: expiresAt }
      }),
    }
  })
}
