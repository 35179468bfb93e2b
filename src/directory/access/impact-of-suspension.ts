import { type RawBuilder, sql } from 'kysely'
import { lastUseOfApiKey, lastUseOfClient } from '#credentials/log/last-uses.ts'
import { holderDataScopes, holderEnded, holderJoins, holderPermissions } from '#credentials/resolve/holder.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'
import { narrowedGrants } from './change.ts'
import { type Impact, mostNamed } from './impact.ts'

/**
 * A suspended organization ends everything in it, superadmins' keys too, so nothing has to be computed: what each has now
 * is what they lose. Counted and cut in the database, however many there are.
 */
export async function impactOfSuspension(tx: Queryable, organizationId: string): Promise<Impact> {
  const members = sql`(select id, user_id, organization_id, null::text as client_id from memberships
    where organization_id = ${organizationId})`
  const keys = sql`(select * from credentials where kind = 'api_key' and organization_id = ${organizationId}
    and revoked_at is null and deleted_at is null and expires_at > now())`
  const accounts = sql`(select client_id, organization_id, null::text as user_id from clients
    where organization_id = ${organizationId} and metadata -> 'grant_types' ? 'client_credentials')`
  return {
    people: (await listHolders<Row>(tx, members, sql`person.id, person.email, person.name`, sql`c.id`)).map(toPerson),
    apiKeys: (await listHolders<KeyRow>(tx, keys, columnsOfKeys, sql`c.issued_at desc, c.id desc`)).map(toKey),
    serviceAccounts: (await listHolders<AccountRow>(tx, accounts, columnsOfAccounts, sql`c.client_id`)).map(toAccount),
    counts: {
      people: await countHolders(tx, members),
      apiKeys: await countHolders(tx, keys),
      serviceAccounts: await countHolders(tx, accounts),
    },
  }
}

interface Held {
  /** JSON text. */
  held: string
  heldScopes: string
}

type Row = Held & Impact['people'][number]['user']
type KeyRow = Held & {
  id: string
  name: string
  userId: string
  email: string
  userName: string
  permissions: string[] | null
  dataScopes: DataScope[] | null
  lastUsedAt: Date | null
}
type AccountRow = Held & { clientId: string; lastUsedAt: Date | null }

const columnsOfKeys = sql`c.id, c.name, person.id as user_id, person.email, person.name as user_name, c.permissions, c.data_scopes,
  ${lastUseOfApiKey(sql`c.id`)} as last_used_at`
const columnsOfAccounts = sql`c.client_id, ${lastUseOfClient(sql`c.client_id`)} as last_used_at`

/** Those who can act now, the first of them. @param holders what `holderJoins` calls `c` */
async function listHolders<R>(
  tx: Queryable,
  holders: RawBuilder<unknown>,
  columns: RawBuilder<unknown>,
  order: RawBuilder<unknown>,
): Promise<R[]> {
  const { rows } = await sql<R>`
    select ${columns}, ${sql.raw(holderPermissions)} as held, ${sql.raw(holderDataScopes)} as held_scopes
    from ${holders} as c ${sql.raw(holderJoins)}
    left join users person on person.id = c.user_id
    where ${sql.raw(holderEnded)} is null order by ${order} limit ${mostNamed}`.execute(tx)
  return rows
}

async function countHolders(tx: Queryable, holders: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from ${holders} as c ${sql.raw(holderJoins)}
    where ${sql.raw(holderEnded)} is null`.execute(tx)
  return rows[0]!.count
}

function toPerson({ id, email, name, ...held }: Row) {
  return { user: { id, email, name }, lost: grantsOf(held) }
}

function toKey({ id, name, userId, email, userName, permissions, dataScopes, lastUsedAt, ...held }: KeyRow) {
  const lost = narrowedGrants(grantsOf(held), { permissions, dataScopes })
  return { id, name, user: { id: userId, email, name: userName }, lost, lastUsedAt }
}

function toAccount({ clientId, lastUsedAt, ...held }: AccountRow) {
  return { clientId, lost: grantsOf(held), lastUsedAt }
}

function grantsOf({ held, heldScopes }: Held) {
  return { permissions: JSON.parse(held) as string[], dataScopes: JSON.parse(heldScopes) as DataScope[] }
}
