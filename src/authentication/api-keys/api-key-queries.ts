import { sql } from 'kysely'
import { lastUseOfApiKey } from '#credentials/log/last-uses.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { isBeyond } from '#foundation/database/newest-first.ts'
import type { Revocation } from '#foundation/database/schema.ts'
import type { PageQuery } from '#foundation/http/list.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'

export type ApiKeyStatus = 'active' | 'expired' | 'revoked'

/** An API key as people see it; the key itself is nowhere. */
export interface ApiKey {
  id: string
  name: string
  description: string
  format: 'opaque' | 'jwt'
  status: ApiKeyStatus
  hint: string
  user: Person & { superadmin: boolean }
  organization: { id: string; slug: string; name: string }
  /** Restrictions chosen at creation; null: none. */
  permissions: string[] | null
  dataScopes: DataScope[] | null
  /** Whether it changes anything through our own API. */
  administration: boolean
  createdAt: Date
  createdBy: Person | null
  expiresAt: Date
  /** As the authentication log has it; null also when that use is older than what the log keeps. */
  lastUsedAt: Date | null
  revokedAt: Date | null
  revokedBy: Person | null
  revocation: Revocation | null
  /** Id of the key that it was rotated to. */
  supersededBy: string | null
}

export interface Person {
  id: string
  email: string
  name: string
}

/** Which keys of one organization. */
export interface ApiKeyFilter {
  organizationId: string
  /** Undefined: everybody's. */
  userId: string | undefined
  status?: ApiKeyStatus | undefined
}

/** Newest first; one row more than a page has, where there is one. */
export async function listApiKeys(
  db: Queryable,
  { organizationId, userId, status }: ApiKeyFilter,
  { limit, cursor }: PageQuery,
): Promise<ApiKey[]> {
  let query = selectApiKeys(db).where('k.organizationId', '=', organizationId)
  if (userId !== undefined) query = query.where('k.userId', '=', userId)
  if (status) query = query.where(statusOfKey, '=', status)
  if (cursor) query = query.where(isBeyond(cursor, ['k.issuedAt', 'k.id']))
  const rows = await query
    .orderBy('k.issuedAt', 'desc')
    .orderBy('k.id', 'desc')
    .limit(limit + 1)
    .execute()
  return rows.map(toApiKey)
}

/** A key of an organization; of one person in it, where `userId` says so. */
export async function findApiKey(
  db: Queryable,
  { organizationId, userId }: Pick<ApiKeyFilter, 'organizationId' | 'userId'>,
  id: string,
): Promise<ApiKey | undefined> {
  if (!isStorable(id)) return undefined
  let query = selectApiKeys(db).where('k.organizationId', '=', organizationId).where('k.id', '=', id)
  if (userId !== undefined) query = query.where('k.userId', '=', userId)
  const row = await query.executeTakeFirst()
  return row && toApiKey(row)
}

/** Whether a person has a key of that name in an organization, in whichever case. */
export async function hasKeyNamed(
  db: Queryable,
  { userId, organizationId }: { userId: string; organizationId: string },
  name: string,
): Promise<boolean> {
  const key = await db
    .selectFrom('credentials')
    .select('id')
    .where('kind', '=', 'api_key')
    .where('deletedAt', 'is', null)
    .where('organizationId', '=', organizationId)
    .where('userId', '=', userId)
    .where('supersededBy', 'is', null)
    .where(sql`lower(name)`, '=', sql`lower(${name})`)
    .executeTakeFirst()
  return key !== undefined
}

/** How many keys a person may still use in an organization, at the moment `now`. */
export async function countLiveApiKeys(
  db: Queryable,
  { userId, organizationId }: { userId: string; organizationId: string },
  now: Date,
): Promise<number> {
  const { count } = await db
    .selectFrom('credentials')
    .select((column) => column.fn.countAll<number>().as('count'))
    .where('kind', '=', 'api_key')
    .where('organizationId', '=', organizationId)
    .where('userId', '=', userId)
    .where('revokedAt', 'is', null)
    .where('expiresAt', '>', now)
    .executeTakeFirstOrThrow()
  return count
}

/** Which of these keys of an organization work now. */
export async function listLiveApiKeyIds(
  db: Queryable,
  organizationId: string,
  ids: readonly string[],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const keys = await db
    .selectFrom('credentials')
    .select('id')
    .where('kind', '=', 'api_key')
    .where('organizationId', '=', organizationId)
    .where('id', 'in', ids)
    .where('revokedAt', 'is', null)
    .where('expiresAt', '>', sql<Date>`now()`)
    .execute()
  return new Set(keys.map(({ id }) => id))
}

/** Names of keys, live or not, with the names of their owners. */
export async function listApiKeyNames(
  db: Queryable,
  { organizationId, userId }: Pick<ApiKeyFilter, 'organizationId' | 'userId'>,
  limit: number,
): Promise<{ id: string; name: string; owner: string }[]> {
  let query = db
    .selectFrom('credentials as k')
    .innerJoin('users as u', 'u.id', 'k.userId')
    .select(['k.id', 'k.name', 'u.name as owner'])
    .where('k.kind', '=', 'api_key')
    .where('k.organizationId', '=', organizationId)
    .orderBy('k.name')
    .orderBy('k.id')
    .limit(limit)
  if (userId !== undefined) query = query.where('k.userId', '=', userId)
  const rows = await query.execute()
  return rows.map(({ name, ...row }) => ({ ...row, name: name ?? '' }))
}

const statusOfKey = sql<ApiKeyStatus>`case when k.revoked_at is not null then 'revoked'
  when k.expires_at <= now() then 'expired' else 'active' end`

function selectApiKeys(db: Queryable) {
  return db
    .selectFrom('credentials as k')
    .innerJoin('users as u', 'u.id', 'k.userId')
    .innerJoin('organizations as o', 'o.id', 'k.organizationId')
    .leftJoin('users as maker', 'maker.id', 'k.createdBy')
    .leftJoin('users as revoker', 'revoker.id', 'k.revokedBy')
    .where('k.kind', '=', 'api_key')
    .where('k.deletedAt', 'is', null)
    .select([
      'k.id',
      'k.name',
      'k.description',
      'k.format',
      'k.hint',
      'k.permissions',
      'k.dataScopes',
      'k.administration',
      'k.issuedAt as createdAt',
      'k.expiresAt',
      'k.revokedAt',
      'k.revocation',
      'k.supersededBy',
      'u.id as userId',
      'u.email as userEmail',
      'u.name as userName',
      'u.superadmin as userIsSuperadmin',
      'o.id as organizationId',
      'o.slug as organizationSlug',
      'o.name as organizationName',
      'maker.id as makerId',
      'maker.email as makerEmail',
      'maker.name as makerName',
      'revoker.id as revokerId',
      'revoker.email as revokerEmail',
      'revoker.name as revokerName',
    ])
    .select(statusOfKey.as('status'))
    .select(lastUseOfApiKey(sql`k.id`).as('lastUsedAt'))
}

type Row = Awaited<ReturnType<ReturnType<typeof selectApiKeys>['execute']>>[number]

function toApiKey(row: Row): ApiKey {
  const { id, description, format, status, permissions, dataScopes, createdAt, expiresAt, revokedAt, revocation } = row
  const { administration, supersededBy } = row
  return {
    id,
    name: row.name ?? '',
    description,
    format,
    status,
    hint: row.hint ?? '',
    user: { id: row.userId, email: row.userEmail, name: row.userName, superadmin: row.userIsSuperadmin },
    organization: { id: row.organizationId, slug: row.organizationSlug, name: row.organizationName },
    permissions,
    dataScopes,
    administration,
    createdAt,
    createdBy: personOf(row.makerId, row.makerEmail, row.makerName),
    expiresAt,
    lastUsedAt: row.lastUsedAt,
    revokedAt,
    revokedBy: personOf(row.revokerId, row.revokerEmail, row.revokerName),
    revocation,
    supersededBy,
  }
}

function personOf(id: string | null, email: string | null, name: string | null): Person | null {
  return id === null || email === null || name === null ? null : { id, email, name }
}
