import { type RawBuilder, sql } from 'kysely'
import type { LiveSecret } from './client-secrets.ts'

/** As it leaves the database, in JSON: the hash in hex. */
interface SecretText {
  hash: string
  endsInSeconds: number | null
}

/** The live secrets of a client, as a column of the query that finds it: no look-up of their own. */
export function liveSecretsOf(clientId: RawBuilder<unknown>): RawBuilder<SecretText[] | null> {
  return sql<SecretText[] | null>`(
    select json_agg(json_build_object('hash', encode(s.hash, 'hex'),
      'endsInSeconds', extract(epoch from s.expires_at - now())) order by s.created_at)
    from client_secrets s where s.client_id = ${clientId} and (s.expires_at is null or s.expires_at > now()))`
}

export function toLiveSecrets(column: SecretText[] | null): LiveSecret[] {
  return (column ?? []).map(({ hash, endsInSeconds }) => ({ hash: Buffer.from(hash, 'hex'), endsInSeconds }))
}
