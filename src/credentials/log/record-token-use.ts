import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import { entriesFrom } from './entries-from.ts'

/** What was presented to an endpoint of the protocol, and how its record is found. */
export type PresentedToken =
  | { kind: 'refresh_token' | 'access_token'; hash: Buffer }
  /** A code's record lies elsewhere; what it gave is a grant, and that it is spent is a mark. */
  | {
      kind: 'authorization_code' | 'device_code'
      found: boolean
      grantId: string | undefined
      spentMark: Buffer
      expiresAt: Date | null
    }
  /** By which a client gets a token for itself. */
  | { kind: 'client_secret'; clientId: string }

export interface TokenUse {
  presented: PresentedToken
  /** The OAuth error that it was answered with; undefined: it was accepted. */
  error: string | undefined
  /** Who presented it, as far as they have said. */
  clientId: string | undefined
  via: 'token' | 'bearer'
  ip: string
  userAgent: string | undefined
  method: string
  path: string
}

/**
 * One authentication-log entry for a code, token or client secret that oidc-provider has looked at. Where it said no more
 * than that the grant or token is invalid, the record tells why.
 */
export async function recordTokenUse(tx: Queryable, use: TokenUse): Promise<void> {
  const { presented, error = null, clientId = null, via, ip, userAgent = null, method, path } = use
  await sql`
    with use as (
      select ${error === null ? 'accepted' : 'refused'}::text as outcome, ${reasonOf(error, presented.kind, clientId)}::text as reason,
        p.id as credential_id, coalesce(p.kind, 'unknown') as credential_kind, p.name as credential_name, ${via}::text as via,
        p.user_id, u.email as user_email, p.organization_id, coalesce(p.client_id, ${clientId}) as client_id,
        null::text as resource_server, ${ip}::text as ip, ${userAgent}::text as user_agent, ${method}::text as method,
        ${path}::text as path
      from (select) as one left join (${recordOf(presented)}) as p on true
      left join oauth_grants as g on g.id = p.grant_id
      left join sessions as s on s.uid = g.session_uid and s.ended_at is null
      left join users as u on u.id = p.user_id
      left join organizations as o on o.id = p.organization_id
      left join memberships as m on m.user_id = p.user_id and m.organization_id = p.organization_id
    ) ${sql.raw(entriesFrom('use'))}`.execute(tx)
}

/** The order in which `credentials/resolve/resolving-statement.ts` tells them, after what only these endpoints refuse. */
function reasonOf(error: string | null, kind: string, clientId: string | null): RawBuilder<unknown> {
  if (error === null) return sql`null`
  if (error === 'invalid_client')
    return sql`case when p.kind is null then 'unknown' else 'client_not_authenticated' end`
  if (error !== 'invalid_grant' && error !== 'invalid_token') return sql`${error}`
  return sql`case
    when p.kind is null then 'unknown'
    when p.kind <> ${kind} then 'wrong_kind'
    when p.client_id <> ${clientId}::text then 'foreign_client'
    when p.spent then 'reused'
    when p.revoked_at is not null or g.revoked_at is not null or g.session_uid is distinct from s.uid then 'revoked'
    when p.expires_at <= now() then 'expired'
    when u.deactivated_at is not null then 'user_deactivated'
    when o.suspended_at is not null then 'organization_suspended'
    when p.user_id is not null and not u.superadmin and m.id is null then 'membership_removed'
    when p.user_id is not null and not u.superadmin and m.deactivated_at is not null then 'membership_deactivated'
    when p.audience is not null then 'wrong_audience'
    else ${error} end`
}

function recordOf(presented: PresentedToken): RawBuilder<unknown> {
  switch (presented.kind) {
    case 'refresh_token':
    case 'access_token':
      return sql`select id, kind, name, user_id, organization_id, client_id, grant_id, audience, expires_at, revoked_at,
          spent_at is not null as spent
        from credentials where hash = ${presented.hash}`
    case 'client_secret':
      return sql`select client_id as id, 'client_secret' as kind, client_name as name, null as user_id, organization_id,
          client_id, null as grant_id, null as audience, null::timestamptz as expires_at, null::timestamptz as revoked_at,
          false as spent
        from clients where client_id = ${presented.clientId}`
    default: {
      const { kind, found, grantId = null, spentMark, expiresAt } = presented
      return sql`select null as id, ${kind} as kind, null as name, code_grant.user_id, code_grant.organization_id,
          code_grant.client_id, code_grant.id as grant_id, null as audience, ${expiresAt}::timestamptz as expires_at,
          null::timestamptz as revoked_at, exists (select from single_uses where hash = ${spentMark}) as spent
        from (select) as code left join oauth_grants as code_grant on code_grant.id = ${grantId} where ${found}::boolean`
    }
  }
}
