import { liveGrants } from '#credentials/grants/grant-queries.ts'
import { Batch } from '#credentials/resolve/batch.ts'
import { clientIsActive } from '#directory/clients/client-queries.ts'
import { liveSecrets, type SecretText, toLiveSecrets } from '#directory/clients/secret-queries.ts'
import { fromJsonb } from '#foundation/database/jsonb.ts'
import type { SqlPool } from '#foundation/database/sql-pool.ts'
import { StoreAwayError } from '#foundation/errors.ts'
import { type ClientInExchange, type FoundForExchange, stateName } from '#protocol/request/token-exchange.ts'
import { statePayload } from './postgres-protocol-state.ts'
import { type ProtocolStateModel, type StoredState, spentMark } from './protocol-state.ts'

/** What a token request names. Of a text that the database cannot hold (`isStorable`) nothing is known: leave it out. */
export interface NamedInExchange {
  clientId?: string | undefined
  /** SHA-256, hex. */
  refreshTokenHash?: string | undefined
  code?: { model: Extract<ProtocolStateModel, 'AuthorizationCode' | 'DeviceCode'>; idHash: string } | undefined
  resource?: string | undefined
}

export type FindForExchange = (named: NamedInExchange) => Promise<FoundForExchange>

/**
 * All that a token request needs to know, in one statement that it shares with the requests of the same moment.
 * @param pool whose plans find rows by keys
 * @param readState where protocol state is kept elsewhere: reads a code beforehand
 */
export function exchangeFinder({
  pool,
  readState,
}: {
  pool: SqlPool
  readState: ((model: string, idHash: string) => Promise<StoredState | undefined>) | undefined
}): FindForExchange {
  const batch = new Batch<Asked, FoundForExchange>(async (asked) => {
    try {
      return await find(pool, asked)
    } catch (error) {
      if (asked.length === 1 || error instanceof StoreAwayError) throw error
      return asked.map(async (one) => (await find(pool, [one]))[0]!)
    }
  })

  return async (named) => {
    const { code } = named
    if (!code || !readState) return batch.add({ ...named, state: undefined })
    return batch.add({ ...named, state: (await readState(code.model, code.idHash))?.payload })
  }
}

type Asked = NamedInExchange & { state: StoredState['payload'] | undefined }

async function find(pool: SqlPool, asked: Asked[]): Promise<FoundForExchange[]> {
  const { rows } = await pool.query({
    name: 'find-for-exchange',
    text: statement,
    values: [
      JSON.stringify([...new Set(asked.map(({ clientId }) => clientId))]),
      JSON.stringify(asked.map(toParameter)),
    ],
    rowMode: 'array',
  })
  const [[clientRows, answers]] = rows as [[string | null, string]]
  const clients = new Map((JSON.parse(clientRows ?? '[]') as ClientRow[]).map((row) => [row[0], toClient(row)]))
  const found = new Array<FoundForExchange>(asked.length)
  for (const answer of JSON.parse(answers) as Answer[]) found[answer[0]] = toFound(asked[answer[0]]!, answer, clients)
  return found
}

function toParameter({ refreshTokenHash, code, state, resource }: Asked, n: number) {
  return {
    n,
    t: refreshTokenHash,
    m: code?.model,
    h: code?.idHash,
    s: code && spentMark(code.model, code.idHash).toString('hex'),
    g: state?.grantId,
    r: resource ?? (typeof state?.resource === 'string' ? state.resource : undefined),
  }
}

/**
 * The lateral subqueries with `limit 1` are there for the planner: each is a look-up by a key, for one row or a million. A
 * client that many of these requests are from is read once.
 */
const statement = `
with asked as materialized (
  select * from json_to_recordset($2::json) as a(n int, t text, m text, h text, s text, g text, r text)
), clients_found as (
  select json_agg(json_build_array(c.client_id, c.client_name, c.metadata, c.first_party, c.permissions, c.organization_id,
    o.slug, o.name, ${liveSecrets})) as rows
  from json_array_elements_text($1::json) as named(id)
  join lateral (select * from clients where client_id = named.id limit 1) c on true
  left join organizations o on o.id = c.organization_id
  where ${clientIsActive}
)
select (select rows::text from clients_found), json_agg(json_build_array(a.n,
  token.id, token.payload, token.spent_at, code.payload,
  a.s is not null and exists (select from single_uses where hash = decode(a.s, 'hex')),
  coalesce(token.grant_id, code.grant_id, a.g),
  case when live.id is not null then json_build_array(live.id, live.payload::text, live.user_id, live.organization_id,
    live.session_uid, live.user_name, live.email, live.email_verified_at, live.slug, live.organization_name,
    live.permissions) end,
  coalesce(a.r, token.resource, code.resource), server.access_token_format))::text
from asked a
left join lateral (
  select c.id, c.payload::text as payload, c.payload ->> 'resource' as resource, c.spent_at, c.grant_id from credentials c
  where c.hash = decode(a.t, 'hex') and c.format = 'opaque' and c.kind = 'refresh_token' and c.revoked_at is null
  limit 1
) token on true
left join lateral (
  select state.payload, state.payload::jsonb ->> 'resource' as resource, state.payload::jsonb ->> 'grantId' as grant_id
  from (${statePayload('a.m', "decode(a.h, 'hex')")} limit 1) state
) code on true
left join lateral (
  ${liveGrants} and g.id = coalesce(token.grant_id, code.grant_id, a.g) limit 1
) live on true
left join lateral (
  select c.access_token_format from clients c left join organizations o on o.id = c.organization_id
  where c.resource = coalesce(a.r, token.resource, code.resource) and c.resource_server and ${clientIsActive}
  limit 1
) server on true`

type ClientRow = [
  id: string,
  name: string,
  metadata: ClientInExchange['metadata'],
  firstParty: boolean,
  permissions: string[],
  organizationId: string | null,
  slug: string | null,
  organizationName: string | null,
  secrets: SecretText[] | null,
]

type Answer = [
  n: number,
  tokenId: string | null,
  tokenPayload: string | null,
  spentAt: string | null,
  state: string | null,
  consumed: boolean,
  grantId: string | null,
  grant: GrantRow | null,
  resource: string | null,
  accessTokenFormat: 'opaque' | 'jwt' | null,
]

type GrantRow = [
  id: string,
  payload: string,
  userId: string,
  organizationId: string,
  sessionUid: string | null,
  userName: string,
  email: string,
  emailVerifiedAt: string | null,
  slug: string,
  organizationName: string,
  permissions: string,
]

function toClient(row: ClientRow): ClientInExchange {
  const [clientId, clientName, metadata, firstParty, permissions, organizationId, slug, name, secrets] = row
  return {
    clientId,
    clientName,
    metadata,
    firstParty,
    permissions,
    organizationId,
    organization: organizationId === null ? undefined : { id: organizationId, slug: slug ?? '', name: name ?? '' },
    secrets: toLiveSecrets(secrets),
  }
}

function toFound(
  { clientId, refreshTokenHash, code, state }: Asked,
  answer: Answer,
  clients: ReadonlyMap<string, ClientInExchange>,
): FoundForExchange {
  const [, tokenId, tokenPayload, spentAt, stateText, consumed, grantId, grant, resource, accessTokenFormat] = answer
  const payload = state ?? (stateText === null ? undefined : fromJsonb(stateText))
  return {
    ...(clientId !== undefined && { client: { of: clientId, is: clients.get(clientId) } }),
    ...(refreshTokenHash && {
      refreshToken: {
        of: refreshTokenHash,
        is:
          tokenId !== null && tokenPayload !== null
            ? { id: tokenId, payload: fromJsonb(tokenPayload), spentAt: spentAt === null ? null : new Date(spentAt) }
            : undefined,
      },
    }),
    ...(code && { code: { of: stateName(code.model, code.idHash), is: payload && { payload, consumed } } }),
    ...(grantId !== null && { grant: { of: grantId, is: grant ? toGrant(grant) : undefined } }),
    ...(resource !== null && {
      resourceServer: { of: resource, is: accessTokenFormat ? { accessTokenFormat } : undefined },
    }),
  }
}

function toGrant(row: GrantRow) {
  const [id, payload, userId, organizationId, sessionUid, userName, email, verifiedAt, slug, organizationName] = row
  return {
    id,
    payload: fromJsonb(payload),
    userId,
    organizationId,
    sessionUid,
    userName,
    email,
    emailVerifiedAt: verifiedAt === null ? null : new Date(verifiedAt),
    slug,
    organizationName,
    permissions: row[10],
  }
}
