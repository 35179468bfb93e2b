import { CompiledQuery } from 'kysely'
import { keptAnswersFrom } from '#credentials/grants/kept-answers.ts'
import { entriesFrom } from '#credentials/log/entries-from.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { sha256Hex } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { toJsonb } from '#foundation/database/jsonb.ts'
import { claimedFrom } from '#foundation/database/single-use.ts'
import type { SqlPool } from '#foundation/database/sql-pool.ts'

/** A token as it is stored: without its row it is inactive, a JWT as well. */
export interface NewToken {
  format: 'opaque' | 'jwt'
  kind: 'access_token' | 'refresh_token'
  /** What is hashed into the look-up column: the token itself, or a JWT's jti. */
  presented: string
  scope: string | undefined
  audience: string | undefined
  /** oidc-provider's own fields. */
  payload: Record<string, unknown>
  /** Seconds since the epoch, as a JWT names them; undefined: now, by the database's clock. */
  issuedAt: number | undefined
  lifetimeSeconds: number
}

/** Whom tokens are issued to: a client for a person, under a grant; or a service account for itself. */
export interface Holder {
  clientId: string
  grantId: string | undefined
  userId: string | undefined
}

/** All of it is done, or nothing. */
export interface Issue extends Holder {
  tokens: readonly [NewToken, NewToken?]
  /** The refresh token that is spent by it, as its SHA-256 in hex. */
  refreshTokenHash?: string | undefined
  /** What is used up by it: a name as in `claimOnce`, and for how long that is remembered. */
  singleUse?: { name: string; keptSeconds: number } | undefined
  /** For a repeat of the request: its hash, and the sealed answer. */
  kept?: { requestHash: Buffer; answer: Buffer } | undefined
  /** Its entry in the authentication log. */
  use?: AcceptedUse | undefined
}

/** By which credential it was asked for, how and from where; by whom and for whom the tokens say. */
export interface AcceptedUse {
  credentialId: string | null
  credentialKind: string
  credentialName: string | null
  userEmail: string | null
  via: string
  ip: string
  userAgent: string | undefined
  method: string
  path: string
}

/**
 * Issues to many at once in one statement, which never waits for a grant or client that somebody is about to end: what it
 * could not have without waiting is refused, as is what was spent before.
 * @param pool whose plans find rows by keys
 * @returns for each whether it was done
 */
export async function issueTogether(pool: SqlPool, issues: readonly Issue[]): Promise<boolean[]> {
  const spent = new Set<string>()
  const asked: (object | undefined)[] = issues.map((issue, n) => {
    const what = issue.refreshTokenHash ?? issue.singleUse?.name
    if (what === undefined) return toParameter(issue, n)
    if (spent.has(what)) return undefined
    spent.add(what)
    return toParameter(issue, n)
  })
  const { rows } = await pool.query({
    name: 'issue-tokens',
    text: withoutWaiting,
    values: [JSON.stringify(asked.filter((one) => one !== undefined))],
    rowMode: 'array',
  })
  const done = new Set<number>(JSON.parse((rows as [[string]])[0][0]))
  return issues.map((_, n) => done.has(n))
}

/** Issues in a transaction; an end of the grant or client that is under way is waited for. @returns whether it was done */
export async function issueTokens(tx: Queryable, issue: Issue): Promise<boolean> {
  const { rows } = await tx.executeQuery<{ done: string }>(
    CompiledQuery.raw(waiting, [JSON.stringify([toParameter(issue, 0)])]),
  )
  return rows[0]?.done === '[0]'
}

function toParameter(issue: Issue, n: number): object {
  const { singleUse, kept, use } = issue
  return {
    n,
    grant_id: issue.grantId,
    client_id: issue.clientId,
    user_id: issue.userId,
    refresh_token: issue.refreshTokenHash,
    use_hash: singleUse && sha256Hex(singleUse.name),
    use_seconds: singleUse?.keptSeconds,
    request_hash: kept?.requestHash.toString('hex'),
    answer: kept?.answer.toString('base64'),
    credential_id: use?.credentialId,
    credential_kind: use?.credentialKind,
    credential_name: use?.credentialName,
    user_email: use?.userEmail,
    via: use?.via,
    ip: use?.ip,
    user_agent: use?.userAgent,
    method: use?.method,
    path: use?.path,
    ...slotOf('a', issue.tokens[0]),
    ...(issue.tokens[1] && slotOf('b', issue.tokens[1])),
  }
}

/** Two slots in one row: a list within would be parsed a second time. */
function slotOf(slot: 'a' | 'b', token: NewToken): object {
  return {
    [`${slot}_hash`]: sha256Hex(token.presented),
    [`${slot}_format`]: token.format,
    [`${slot}_kind`]: token.kind,
    [`${slot}_id`]: token.format === 'jwt' ? token.presented : newId('token'),
    [`${slot}_scope`]: token.scope ?? '',
    [`${slot}_audience`]: token.audience,
    [`${slot}_payload`]: toJsonb(token.payload),
    [`${slot}_issued`]: token.issuedAt,
    [`${slot}_seconds`]: token.lifetimeSeconds,
  }
}

const slotColumns = (slot: 'a' | 'b') =>
  `${slot}_hash text, ${slot}_format text, ${slot}_kind text, ${slot}_id text, ${slot}_scope text, ${slot}_audience text,
    ${slot}_payload text, ${slot}_issued float8, ${slot}_seconds float8`

const rowsIn = (slot: 'a' | 'b') => `
  select decode(${slot}_hash, 'hex'), ${slot}_format, ${slot}_kind, ${slot}_id, grant_id, client_id, user_id, organization_id,
    ${slot}_scope, ${slot}_audience, ${slot}_payload::jsonb, coalesce(to_timestamp(${slot}_issued), now()),
    coalesce(to_timestamp(${slot}_issued), now()) + make_interval(secs => ${slot}_seconds)
  from won where ${slot}_hash is not null`

/**
 * A token hangs on its grant, or on its service account: the row of that is held until the commit, and must be live, so
 * that whatever ends it at this moment waits for the token and ends it too, or we see that it has happened.
 *
 * What is spent is spent by compare-and-set, on every node; only the winner of that gets a row, an answer or an entry.
 *
 * A plan is made once, when a table may hold hardly anything: no join and no `expires_at` that an index could take (hence
 * `is true`) leads it to read a table where it is to find rows by their keys.
 */
const statement = (orSkip: '' | 'skip locked') => `
with asked as materialized (
  select * from json_to_recordset($1::json) as a(n int, grant_id text, client_id text, user_id text, refresh_token text,
    use_hash text, use_seconds float8, request_hash text, answer text, credential_id text, credential_kind text,
    credential_name text, user_email text, via text, ip text, user_agent text, method text, path text,
    ${slotColumns('a')}, ${slotColumns('b')})
), held as materialized (
  select a.*, coalesce(g.organization_id, c.organization_id) as organization_id
  from asked a
  left join lateral (
    select true as held, organization_id from oauth_grants where id = a.grant_id and revoked_at is null for share ${orSkip}
  ) g on true
  left join lateral (
    select true as held, organization_id from clients where a.grant_id is null and client_id = a.client_id
    for key share ${orSkip}
  ) c on true
  where g.held or c.held
), spent as (
  update credentials set spent_at = now()
  where hash = any(array(select decode(refresh_token, 'hex') from held where refresh_token is not null))
    and (kind = 'refresh_token' and spent_at is null and revoked_at is null and expires_at > now()) is true
  returning encode(hash, 'hex') as refresh_token
), claimed as (
  ${claimedFrom('held')}
), won as materialized (
  select * from held where (refresh_token is null and use_hash is null)
    or refresh_token in (select refresh_token from spent) or use_hash in (select use_hash from claimed)
), issued as (
  insert into credentials (hash, format, kind, id, grant_id, client_id, user_id, organization_id, scope, audience, payload,
    issued_at, expires_at)${rowsIn('a')} union all${rowsIn('b')}
), kept as (
  ${keptAnswersFrom('won')}
), used as (
  select 'accepted' as outcome, null::text as reason, credential_id, credential_kind, credential_name, via, user_id, user_email,
    organization_id, client_id, null::text as resource_server, ip, user_agent, method, path
  from won where credential_kind is not null
), logged as (
  ${entriesFrom('used')}
)
select coalesce(json_agg(n), '[]')::text as done from won`

const withoutWaiting = statement('skip locked')
const waiting = statement('')
