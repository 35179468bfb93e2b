import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import type { LiveSecret } from './client-secrets.ts'

/** A secret as people see it; itself it is nowhere. */
export interface ClientSecret {
  id: string
  /** The last four characters, where we made it. */
  hint: string | null
  createdAt: Date
  /** Null: it works until it is rotated. */
  expiresAt: Date | null
}

/** Those that live, newest first: a dozen at most. */
export function listSecrets(db: Queryable, clientId: string): Promise<ClientSecret[]> {
  return db
    .selectFrom('clientSecrets')
    .select(['id', 'hint', 'createdAt', 'expiresAt'])
    .where('clientId', '=', clientId)
    .where(sql<boolean>`(expires_at is null or expires_at > clock_timestamp())`)
    .orderBy('createdAt', 'desc')
    .execute()
}

/** The same of several clients, by their ids. */
export async function listSecretsOf(db: Queryable, clientIds: readonly string[]): Promise<Map<string, ClientSecret[]>> {
  const secrets = await db
    .selectFrom('clientSecrets')
    .select(['clientId', 'id', 'hint', 'createdAt', 'expiresAt'])
    .where(sql<boolean>`client_id = any(${clientIds}::text[])`)
    .where(sql<boolean>`(expires_at is null or expires_at > clock_timestamp())`)
    .orderBy('createdAt', 'desc')
    .execute()
  return Map.groupBy(secrets, ({ clientId }) => clientId)
}

/** As it leaves the database, in JSON: the hash in hex. */
export interface SecretText {
  hash: string
  endsInSeconds: number | null
}

/** SQL: the live secrets of the client `c`, as a column of the query that finds it: no look-up of their own. */
export const liveSecrets = `(
    select json_agg(json_build_object('hash', encode(s.hash, 'hex'),
      'endsInSeconds', extract(epoch from s.expires_at - now())) order by s.created_at)
    from client_secrets s where s.client_id = c.client_id and (s.expires_at is null or s.expires_at > now()))`

export function toLiveSecrets(column: SecretText[] | null): LiveSecret[] {
  return (column ?? []).map(({ hash, endsInSeconds }) => ({ hash: Buffer.from(hash, 'hex'), endsInSeconds }))
}
