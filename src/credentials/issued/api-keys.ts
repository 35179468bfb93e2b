import { sql } from 'kysely'
import { type Queryable, toJson } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'

export interface NewApiKeyRow {
  id: string
  hash: Buffer
  hint: string
  /** Of a JWT: the key that signed it, which is kept for as long as this one may be used. */
  kid: string | undefined
  name: string
  description: string
  format: 'opaque' | 'jwt'
  permissions: string[] | null
  dataScopes: DataScope[] | null
  administration: boolean
  userId: string
  organizationId: string
  issuedAt: Date
  expiresAt: Date
  /** Null: the operator. */
  createdBy: string | null
}

/** A key is found by its organization and id. */
export interface ApiKeyPlace {
  organizationId: string
  id: string
}

/**
 * Holds the rows that the key hangs on until `tx` ends: a deletion of its owner or organization at this moment waits for
 * the key and takes it along, or we see that it has happened.
 * @throws GatehouseError not_found; and on `api_keys_name_unique` when the person has a key of that name in the
 * organization, in any spelling
 */
export async function insertApiKey(tx: Queryable, { kid, permissions, dataScopes, ...row }: NewApiKeyRow) {
  const { rows: held } = await sql`select u.id from users u, organizations o
    where u.id = ${row.userId} and o.id = ${row.organizationId} for key share`.execute(tx)
  if (held.length === 0) throw new GatehouseError('not_found', 'There is no such member.')
  await tx
    .insertInto('credentials')
    .values({
      ...row,
      kind: 'api_key',
      permissions: permissions ? toJson(permissions) : undefined,
      dataScopes: dataScopes ? toJson(dataScopes) : undefined,
      payload: toJson({ kid }),
    })
    .execute()
}

/** What its owner calls a key. */
export async function findApiKeyName(db: Queryable, id: string): Promise<string> {
  const key = await db.selectFrom('credentials').select('name').where('id', '=', id).executeTakeFirst()
  return key?.name ?? id
}

/**
 * Changes what is given; a later end is announced again.
 * @throws on `api_keys_name_unique`, as above
 */
export async function updateApiKey(
  tx: Queryable,
  place: ApiKeyPlace,
  edit: { name?: string; description?: string; expiresAt?: Date },
): Promise<void> {
  await apiKeyAt(tx, place)
    .set({ ...edit, ...(edit.expiresAt && { expiryRemindedAt: null }) })
    .execute()
}

/** Leaves the name of a key to its successor; the key itself works until `expiresAt`. */
export async function supersedeApiKey(
  tx: Queryable,
  place: ApiKeyPlace,
  successor: { id: string; expiresAt: Date },
): Promise<void> {
  const { id: supersededBy, expiresAt } = successor
  await apiKeyAt(tx, place).set({ supersededBy, expiresAt }).execute()
}

/** Makes a revoked key work again, the same secret with the same expiry. */
export async function restoreApiKey(tx: Queryable, place: ApiKeyPlace): Promise<void> {
  await apiKeyAt(tx, place).set({ revokedAt: null, revokedBy: null, revocation: null }).execute()
}

/** Names of the keys by which a person's account is open now, in every organization, the first hundred. */
export async function listLiveApiKeyNames(db: Queryable, userId: string): Promise<string[]> {
  const keys = await db
    .selectFrom('credentials')
    .select('name')
    .where('userId', '=', userId)
    .where('kind', '=', 'api_key')
    .where('revokedAt', 'is', null)
    .where('expiresAt', '>', sql<Date>`now()`)
    .orderBy('name')
    .limit(100)
    .execute()
  return keys.map(({ name }) => name ?? '')
}

/** An API key that works, as far as it is its own doing, with its restrictions; null: none. */
export interface LiveApiKey {
  id: string
  name: string
  userId: string
  permissions: string[] | null
  dataScopes: DataScope[] | null
}

/** The keys that these people may use in an organization now, as far as their owners may act there. */
export async function listLiveApiKeysOf(
  db: Queryable,
  organizationId: string,
  userIds: readonly string[],
): Promise<LiveApiKey[]> {
  const { rows } = await sql<LiveApiKey>`
    select k.id, k.name, k.user_id, k.permissions, k.data_scopes
    from unnest(${userIds}::text[]) as owner(id) join credentials k on k.user_id = owner.id
    where k.kind = 'api_key' and k.organization_id = ${organizationId}
      and k.revoked_at is null and k.deleted_at is null and k.expires_at > now()
    order by k.user_id, k.id`.execute(db)
  return rows
}

function apiKeyAt(tx: Queryable, { organizationId, id }: ApiKeyPlace) {
  return tx
    .updateTable('credentials')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .where('kind', '=', 'api_key')
}

/** A key that is about to expire, and whom to tell. */
export interface ExpiringApiKey {
  name: string
  hint: string
  expiresAt: Date
  email: string
  organizationId: string
  organizationName: string
}

/**
 * The soonest of each person's keys that expire within seven days, marked as told: each key and end once, on whichever
 * node, at most one key of a person in twenty minutes. Keys that live hardly longer than that are no news.
 */
export async function takeExpiringApiKeys(
  tx: Queryable,
  { now, limit }: { now: Date; limit: number },
): Promise<ExpiringApiKey[]> {
  const { rows } = await sql<ExpiringApiKey>`
    with due as (
      select distinct on (k.user_id) k.hash from credentials k
      join users u on u.id = k.user_id and u.deactivated_at is null
      where k.kind = 'api_key' and k.expiry_reminded_at is null and k.revoked_at is null
        and k.expires_at > ${now} and k.expires_at <= ${now}::timestamptz + interval '7 days'
        and k.issued_at < k.expires_at - interval '8 days'
        and not exists (select from credentials told where told.kind = 'api_key' and told.user_id = k.user_id
          and told.expiry_reminded_at > ${now}::timestamptz - interval '20 minutes')
      order by k.user_id, k.expires_at
      limit ${limit}
    ), taken as (
      select hash from credentials where hash in (select hash from due) and expiry_reminded_at is null
      for no key update skip locked
    )
    update credentials k set expiry_reminded_at = ${now}
    from taken, users u, organizations o
    where k.hash = taken.hash and u.id = k.user_id and o.id = k.organization_id
    returning k.name, k.hint, k.expires_at, u.email, o.id as organization_id, o.name as organization_name`.execute(tx)
  return rows
}
