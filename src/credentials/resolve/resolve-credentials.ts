import type { Logger } from 'pino'
import { entriesFrom } from '#credentials/log/entries-from.ts'
import type { SqlPool } from '#foundation/database/sql-pool.ts'
import { Batch } from './batch.ts'
import { unknownUseCounter } from './count-unknown-uses.ts'
import type { CredentialReference, Reference } from './credential.ts'
import { holderDataScopes, holderEnded, holderJoins, holderPermissions } from './holder.ts'

/** How a credential came to us; `introspection` is a resource server's question. */
export type Via = 'introspection' | 'bearer' | 'authorization' | 'x-api-key' | 'apikey-header' | 'query'

/** The resource server (or other client) that asks. `revision` as it was when it was authenticated. */
export interface Caller {
  clientId: string
  revision: string
}

export interface Question {
  reference: Reference
  via: Via
  /** Undefined: asked by ourselves or a proxy, for any audience. */
  caller: Caller | undefined
  /** Presented to our own API: a token that was asked for a resource server is not accepted here. */
  forOurselves?: boolean
  ip?: string
  userAgent?: string
  method?: string
  path?: string
}

export interface LiveCredential {
  outcome: 'accepted'
  kind: 'access_token' | 'refresh_token' | 'api_key'
  id: string
  clientId: string | null
  scope: string
  audience: string | null
  /** Seconds since the epoch. */
  issuedAt: number
  expiresAt: number
  /** Null for a service account, which is the client itself. */
  userId: string | null
  email: string | null
  superadmin: boolean
  organizationId: string | null
  organizationSlug: string | null
  /** JSON text, sorted: passed on unparsed where nothing narrows it. */
  permissions: string
  dataScopes: string
  firstParty: boolean
  /** JSON text of the narrowing chosen at creation, or null. */
  ownPermissions: string | null
  ownDataScopes: string | null
  /** Of an API key: whether it changes anything through our own API. */
  administration: boolean
  /** Of its entry in the authentication log, as PostgreSQL wrote it. */
  loggedAt: string
}

export type Resolution =
  | LiveCredential
  | Refusal
  /** The caller was edited or deactivated since it was authenticated: nothing was logged, authenticate it again. */
  | { outcome: 'caller_changed' }

interface Refusal {
  outcome: 'refused'
  reason: string
}

export type ResolveCredential = (question: Question) => Promise<Resolution>

/**
 * The hot path: any number of presented credentials in one statement, which finds them by hash, joins
 * who they act for and what that may do and see at this moment, and writes their authentication-log rows. The promise
 * resolves after the commit, so no answer leaves without its entry; of what has no owner, without having been counted.
 *
 * A key whose checksum is wrong was never a key: it costs no statement, and only the process's own log tells of it.
 */
export function credentialResolver({ pool, log }: { pool: SqlPool; log: Logger }): ResolveCredential {
  const countUnknownUse = unknownUseCounter(pool)
  const batch = new Batch<FormedQuestion, Resolution>(async (questions) => {
    const { rows } = await pool.query({
      name: 'resolve-credentials',
      text: statement,
      values: [JSON.stringify(questions.map(toParameter))],
      rowMode: 'array',
    })
    const [[answers, loggedAt]] = rows as [[string, string]]
    const resolutions = new Array<Resolution | Promise<Resolution>>(questions.length)
    for (const row of JSON.parse(answers) as Row[]) {
      const resolution = toResolution(row, loggedAt)
      const isUnknown = resolution.outcome === 'refused' && at(row, 'id') === null
      resolutions[row[0]] = isUnknown ? counted(questions[row[0]]!, resolution) : resolution
    }
    return resolutions
  })

  async function counted({ ip, via, caller }: Question, resolution: Refusal): Promise<Resolution> {
    await countUnknownUse({ ip, via, reason: resolution.reason, resourceServer: caller?.clientId })
    return resolution
  }

  return (question) => {
    if (question.reference !== 'mistyped') return batch.add(question as FormedQuestion)
    const { via, caller, ip, userAgent, method, path } = question
    log.info({ via, resourceServer: caller?.clientId, ip, userAgent, method, path }, 'mistyped API key refused')
    return Promise.resolve({ outcome: 'refused', reason: 'malformed' })
  }
}

type FormedQuestion = Question & { reference: CredentialReference | undefined }

function toParameter({ reference, via, caller, forOurselves, ip, userAgent, method, path }: FormedQuestion, n: number) {
  return {
    n,
    h: reference?.hash,
    f: reference?.format,
    v: via,
    c: caller?.clientId,
    r: caller?.revision,
    o: forOurselves,
    ip,
    ua: userAgent,
    m: method,
    p: path,
  }
}

/** The members of an accepted credential, each with its column: the statement and its reader go by this one list. */
const columns = {
  kind: 'kind',
  id: 'id',
  clientId: 'client_id',
  scope: 'scope',
  audience: 'audience',
  issuedAt: 'issued_at',
  expiresAt: 'expires_at',
  userId: 'user_id',
  email: 'email',
  superadmin: 'superadmin',
  organizationId: 'organization_id',
  organizationSlug: 'slug',
  permissions: 'permissions',
  dataScopes: 'data_scopes',
  firstParty: 'first_party',
  ownPermissions: 'own_permissions',
  ownDataScopes: 'own_data_scopes',
  administration: 'administration',
} satisfies Record<Exclude<keyof LiveCredential, 'outcome' | 'loggedAt'>, string>

/**
 * The order of the reasons is the order in which they are told: what ended the credential itself first.
 *
 * The lateral subqueries with `limit 1` are there for the planner: each row is a few index look-ups, for one key or a
 * million, where joins of whole tables would become hash joins that read them. The answers leave as one JSON text:
 * one parse for all of them instead of twenty fields for each.
 */
const statement = `
with asked as (
  select * from json_to_recordset($1::json) as a(
    n int, h text, f text, v text, c text, r text, o boolean, ip text, ua text, m text, p text)
), found as materialized (
  select a.n, a.v, a.ip, a.ua, a.m, a.p, credential.*, case when caller.resource_server then a.c end as resource_server,
    a.c is not null and caller.revision is distinct from a.r as caller_changed,
    case
      when a.h is null then 'malformed'
      when credential.id is null then 'unknown'
      when credential.ended is not null then credential.ended
      when a.v = 'query' and not credential.allows_keys_in_query then 'query_forbidden'
      when credential.kind = 'refresh_token'
        and (a.v <> 'introspection' or credential.client_id is distinct from a.c) then 'wrong_kind'
      when a.o and credential.audience is not null then 'wrong_audience'
      when caller.resource_server and credential.audience is not null
        and credential.audience is distinct from caller.resource then 'wrong_audience'
      when caller.resource_server and caller.organization_id is not null
        and credential.organization_id is distinct from caller.organization_id then 'foreign_organization'
      when a.c is not null and not caller.resource_server and credential.client_id is distinct from a.c
        then 'foreign_client'
    end as reason
  from asked a
  left join lateral (
    select c.id, c.kind, c.name, c.client_id, c.scope, c.audience, c.user_id, c.organization_id,
      floor(extract(epoch from c.issued_at))::int8 as issued_at,
      floor(extract(epoch from c.expires_at))::int8 as expires_at,
      u.email, coalesce(u.superadmin, false) as superadmin, o.slug, coalesce(o.allows_keys_in_query, true) as allows_keys_in_query,
      coalesce(cl.first_party, true) as first_party,
      ${holderPermissions} as permissions,
      ${holderDataScopes} as data_scopes,
      c.permissions::text as own_permissions, c.data_scopes::text as own_data_scopes, c.administration,
      case
        when c.deleted_at is not null then 'deleted'
        when c.revoked_at is not null or c.spent_at is not null or g.revoked_at is not null
          or g.session_uid is distinct from s.uid then 'revoked'
        when c.expires_at <= now() then 'expired'
        else ${holderEnded}
      end as ended
    from credentials c
    left join oauth_grants g on g.id = c.grant_id
    left join sessions s on s.uid = g.session_uid and s.ended_at is null${holderJoins}
    where c.hash = decode(a.h, 'base64') and c.format = a.f
    limit 1
  ) credential on true
  left join lateral (
    select revision, resource_server, resource, clients.organization_id from clients
    where client_id = a.c and deactivated_at is null and (organization_id is null
      or exists (select from organizations o where o.id = organization_id and o.suspended_at is null))
    limit 1
  ) caller on true
), uses as (
  select case when reason is null then 'accepted' else 'refused' end as outcome, reason, id as credential_id,
    kind as credential_kind, name as credential_name, v as via, user_id, email as user_email, organization_id, client_id,
    resource_server, ip, ua as user_agent, m as method, p as path
  from found where not caller_changed and id is not null
), logged as (
  ${entriesFrom('uses')}
)
select json_agg(json_build_array(n, caller_changed, reason, ${Object.values(columns).join(', ')}))::text, now()::text
from found`

type Row = [question: number, callerChanged: boolean, reason: string | null, ...members: unknown[]]

const place = Object.fromEntries(Object.keys(columns).map((member, index) => [member, index + 3])) as Record<
  keyof typeof columns,
  number
>

function at<Member extends keyof typeof columns>(row: Row, member: Member) {
  return row[place[member]] as LiveCredential[Member]
}

/** Spelled out: an object that is filled in a loop costs twenty times as much. */
function toResolution(row: Row, loggedAt: string): Resolution {
  const [, callerChanged, reason] = row
  if (callerChanged) return { outcome: 'caller_changed' }
  if (reason !== null) return { outcome: 'refused', reason }
  return {
    outcome: 'accepted',
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
    loggedAt,
  }
}
