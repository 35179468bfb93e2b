import { sql } from 'kysely'
import type { Queryable } from './database.ts'

/**
 * Every advisory lock: what only one transaction at a time may do, over all nodes. Where a transaction takes several, it
 * takes them in this order, and those of one name by `lockEach`, so that two never wait for each other.
 */
const locks = {
  /** Edits of one organization's objects by API, by its id; '' for the deployment's own. */
  edit: 7_148_314,
  /** Bringing the tables up to date. */
  migrations: 7_148_301,
  /** Applying a setup file: of nodes that start at once, all but the first find nothing to do. */
  setup: 7_148_302,
  /** Taking rights away from administrators and superadmins, so that none of two demotes the other as the last. */
  administrators: 7_148_312,
  /** Making and rotating signing keys. */
  signingKeys: 7_148_303,
  /** Making and dropping partitions of the authentication log. */
  logPartitions: 7_148_304,
  /** Packing the authentication log, and changing what is packed. */
  logPacking: 7_148_315,
  /** The records of one browser session, by its uid. */
  session: 7_148_305,
  /** Sign-ins of one subject of an identity provider. */
  subject: 7_148_307,
  /** First sign-ins through identity providers with one e-mail address. */
  subjectEmail: 7_148_308,
  /** Making a mailed link, by purpose and mailbox. */
  mailLink: 7_148_309,
  /** Leaving mails for one mailbox in the outbox. */
  mailRecipient: 7_148_310,
  /** Adding connections to one organization, by its id. */
  connections: 7_148_311,
  /** Founding an organization, so that none of two with names that look alike goes unseen. */
  organizationNames: 7_148_313,
} as const

export type Lock = keyof typeof locks

/**
 * Waits for a lock and holds it until `tx` ends.
 * @param key of what, where the lock is one of many. Only its hash counts: two keys may, rarely, wait for each other
 */
export async function lock(tx: Queryable, name: Lock, key = ''): Promise<void> {
  await sql`select pg_advisory_xact_lock(${sql.lit(locks[name])}, hashtext(${key}))`.execute(tx)
}

/** `lock` for several keys, each once, in one order whatever the order given. */
export async function lockEach(tx: Queryable, name: Lock, keys: readonly string[]): Promise<void> {
  for (const key of [...new Set(keys)].sort()) await lock(tx, name, key)
}

/** @returns whether `tx` holds the lock now; false when another holds it: nothing is waited for */
export async function tryLock(tx: Queryable, name: Lock, key = ''): Promise<boolean> {
  const { rows } = await sql<{ taken: boolean }>`
    select pg_try_advisory_xact_lock(${sql.lit(locks[name])}, hashtext(${key})) as taken`.execute(tx)
  return rows[0]?.taken === true
}
