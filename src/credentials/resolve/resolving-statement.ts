import { entriesFrom } from '#credentials/log/entries-from.ts'
import {
  holderAllowsKeysInQuery,
  holderDataScopes,
  holderEmail,
  holderEnded,
  holderJoins,
  holderOrganizationSlug,
  holderPermissions,
  holderSuperadmin,
  holderVersion,
} from './holder.ts'
import type { LiveCredential } from './resolution.ts'

/** The members of an accepted credential, each with its column: the statement and its reader go by this one list. */
const columns = {
  kind: 'kind',
  id: 'id',
  clientId: 'client_id',
  scope: 'scope',
  audience: 'audience',
  issuedAt: 'floor(extract(epoch from issued_at))::int8',
  expiresAt: 'floor(extract(epoch from expires_at))::int8',
  userId: 'user_id',
  email: 'email',
  superadmin: 'superadmin',
  organizationId: 'organization_id',
  organizationSlug: 'slug',
  permissions: 'permissions',
  dataScopes: 'data_scopes',
  firstParty: 'first_party',
  ownPermissions: 'own_permissions::text',
  ownDataScopes: 'own_data_scopes::text',
  administration: 'administration',
} satisfies Record<keyof LiveCredential, string>

/**
 * Answers questions and writes their entries. Parameters:
 * - $1–$6 a row for each asker: client id and revision (or null), via, whether for ourselves, its first and last question
 * - $7–$13 a row for each question: hash and format of the credential, version that is known of it; address, user agent,
 *   method and path for the log
 * - $14 the server whose versions these are
 *
 * Its one row: JSON text of the answers that say more than "accepted, and as you know it" (`AnsweredRow`), or null; the
 * server; the time of the entries.
 *
 * The order of the reasons is the order in which they are told: what ended the credential itself first.
 *
 * The lateral subqueries with `limit 1` are there for the planner: each row is a few index look-ups, for one key or a
 * million, where joins of whole tables would become hash joins that read them.
 *
 * A version names the rows that an answer is made of, by the transaction that wrote each: they are read every time, but
 * printed as JSON only where another has written one since. Numbers of transactions mean something on one server alone.
 */
export const resolvingStatement = `
with found as materialized (
  select asker.first + a.place - 1 as n, asker.via, a.known, a.ip, a.user_agent, a.method, a.path, credential.*,
    case when caller.resource_server then asker.client end as resource_server,
    asker.client is not null and caller.revision is distinct from asker.revision as caller_changed,
    case
      when a.hash is null then 'malformed'
      when credential.id is null then 'unknown'
      when credential.ended is not null then credential.ended
      when asker.via = 'query' and not credential.allows_keys_in_query then 'query_forbidden'
      when credential.kind = 'refresh_token'
        and (asker.via <> 'introspection' or credential.client_id is distinct from asker.client) then 'wrong_kind'
      when asker.ourselves and credential.audience is not null then 'wrong_audience'
      when caller.resource_server and credential.audience is not null
        and credential.audience is distinct from caller.resource then 'wrong_audience'
      when caller.resource_server and caller.organization_id is not null
        and credential.organization_id is distinct from caller.organization_id then 'foreign_organization'
      when asker.client is not null and not caller.resource_server
        and credential.client_id is distinct from asker.client then 'foreign_client'
    end as reason
  from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::int[], $6::int[])
    as asker(client, revision, via, ourselves, first, last)
  left join lateral (
    select revision, resource_server, resource, clients.organization_id from clients
    where client_id = asker.client and deactivated_at is null and (organization_id is null
      or exists (select from organizations o where o.id = organization_id and o.suspended_at is null))
    limit 1
  ) caller on true
  cross join lateral unnest(${[7, 8, 9, 10, 11, 12, 13].map((n) => `($${n}::text[])[asker.first:asker.last]`).join(', ')})
    with ordinality as a(hash, format, known, ip, user_agent, method, path, place)
  left join lateral (
    select c.id, c.kind, c.name, c.client_id, c.scope, c.audience, c.user_id, c.organization_id, c.issued_at, c.expires_at,
      ${holderEmail} as email, ${holderSuperadmin} as superadmin, ${holderOrganizationSlug} as slug,
      ${holderAllowsKeysInQuery} as allows_keys_in_query, coalesce(cl.first_party, true) as first_party,
      ${holderPermissions} as permissions,
      ${holderDataScopes} as data_scopes,
      c.permissions as own_permissions, c.data_scopes as own_data_scopes, c.administration,
      concat(c.xmin, ' ', ${holderVersion}) as version,
      case
        when c.deleted_at is not null then 'deleted'
        when c.revoked_at is not null or c.spent_at is not null then 'revoked'
        when c.expires_at <= now() then 'expired'
        else ${holderEnded}
      end as ended
    from credentials c${holderJoins}
    where c.hash = decode(a.hash, 'base64') and c.format = a.format
    limit 1
  ) credential on true
), uses as (
  select case when reason is null then 'accepted' else 'refused' end as outcome, reason, id as credential_id,
    kind as credential_kind, name as credential_name, via, user_id, email as user_email, organization_id, client_id,
    resource_server, ip, user_agent, method, path
  from found where not caller_changed and id is not null
), logged as (
  ${entriesFrom('uses')}
)
select json_agg(json_build_array(n, caller_changed, reason, version, ${Object.values(columns).join(', ')})) filter (
    where caller_changed or reason is not null or known is distinct from version
      or $14::text is distinct from pg_postmaster_start_time()::text
  )::text, pg_postmaster_start_time()::text, now()::text
from found`

/** `question`: its place, from 1. A reason: it is refused. The members follow in the order of `columns`. */
export type AnsweredRow = [
  question: number,
  callerChanged: boolean,
  reason: string | null,
  version: string,
  ...members: unknown[],
]

const place = Object.fromEntries(Object.keys(columns).map((member, index) => [member, index + 4])) as Record<
  keyof LiveCredential,
  number
>

function at<Member extends keyof LiveCredential>(row: AnsweredRow, member: Member) {
  return row[place[member]] as LiveCredential[Member]
}

/** Whether the row knows any credential, be it accepted or refused. */
export function isOfCredential(row: AnsweredRow): boolean {
  return at(row, 'id') !== null
}

/** Spelled out: an object that is filled in a loop costs twenty times as much. */
export function credentialIn(row: AnsweredRow): LiveCredential {
  return {
    kind: at(row, 'kind'),
    id: at(row, 'id'),
    clientId: at(row, 'clientId'),
    scope: at(row, 'scope'),
    audience: at(row, 'audience'),
    issuedAt: at(row, 'issuedAt'),
    expiresAt: at(row, 'expiresAt'),
    userId: at(row, 'userId'),
    email: at(row, 'email'),
    superadmin: at(row, 'superadmin'),
    organizationId: at(row, 'organizationId'),
    organizationSlug: at(row, 'organizationSlug'),
    permissions: at(row, 'permissions'),
    dataScopes: at(row, 'dataScopes'),
    firstParty: at(row, 'firstParty'),
    ownPermissions: at(row, 'ownPermissions'),
    ownDataScopes: at(row, 'ownDataScopes'),
    administration: at(row, 'administration'),
  }
}
