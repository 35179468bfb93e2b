import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'

const batchSize = 100

/**
 * Mails the owners of keys that expire within seven days, once for each key and end; keys that live hardly longer than
 * that are no news to anybody. Any number of nodes may do it at once. At most one mail to one person at a time, and the
 * next twenty minutes later: the outbox drops a fourth of a kind within an hour, and no key shall go unannounced.
 * @returns how many mails were left in the outbox
 */
export async function remindOfExpiringApiKeys(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  now = new Date(),
): Promise<number> {
  return db.transaction().execute(async (tx) => {
    const keys = await takeDueKeys(tx, now)
    await outbox.enqueueMails(
      tx,
      keys.map((key) => ({
        to: key.email,
        template: 'api-key-expiring' as const,
        locals: {
          keyName: key.name,
          keyHint: key.hint,
          organizationName: key.organizationName,
          expiresAt: key.expiresAt.toISOString(),
        },
        organizationId: key.organizationId,
      })),
    )
    return keys.length
  })
}

interface DueKey {
  name: string
  hint: string
  expiresAt: Date
  email: string
  organizationId: string
  organizationName: string
}

/** The soonest to expire of each person, marked as told. */
async function takeDueKeys(tx: Queryable, now: Date): Promise<DueKey[]> {
  const { rows } = await sql<DueKey>`
    with due as (
      select distinct on (k.user_id) k.hash from credentials k
      join users u on u.id = k.user_id and u.deactivated_at is null
      where k.kind = 'api_key' and k.expiry_reminded_at is null and k.revoked_at is null
        and k.expires_at > ${now} and k.expires_at <= ${now}::timestamptz + interval '7 days'
        and k.issued_at < k.expires_at - interval '8 days'
        and not exists (select from credentials told where told.kind = 'api_key' and told.user_id = k.user_id
          and told.expiry_reminded_at > ${now}::timestamptz - interval '20 minutes')
      order by k.user_id, k.expires_at
      limit ${batchSize}
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
