import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { nanoid } from 'nanoid'
import { newId } from '#foundation/crypto/ids.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'

/*
 * Each change of a client's secrets changes its `revision`: whoever remembers that the client has proven itself looks it
 * up again.
 */

export interface NewSecret {
  id: string
  hash: Buffer
  /** The last four characters of one that we made; null: a person chose it, who may have chosen a short one. */
  hint: string | null
}

/** Makes a secret: 32 random bytes in base64url, which no form-encoding changes (RFC 6749 §2.3.1). */
export function newSecret(): { plain: string; row: NewSecret } {
  const plain = randomBytes(32).toString('base64url')
  return { plain, row: { id: newId('clientSecret'), hash: sha256(plain), hint: plain.slice(-4) } }
}

/** Ends every secret of a client at once, and gives it the one that a setup file says. @param hash null: none */
export async function replaceSecrets(tx: Queryable, clientId: string, hash: Buffer | null): Promise<void> {
  await tx.deleteFrom('clientSecrets').where('clientId', '=', clientId).execute()
  if (hash) await insertSecret(tx, clientId, { id: newId('clientSecret'), hash, hint: null })
  await touchClient(tx, clientId)
}

/**
 * Gives a client another secret; those before it work for `overlapSeconds` more, each no longer than it would have. The
 * caller holds the client's row.
 * @param at the moment of the rotation: when the transaction's turn came, not when it began
 */
export async function succeedSecrets(
  tx: Queryable,
  clientId: string,
  successor: NewSecret,
  { overlapSeconds, at }: { overlapSeconds: number; at: Date },
): Promise<void> {
  const before = tx.deleteFrom('clientSecrets').where('clientId', '=', clientId)
  if (overlapSeconds === 0) await before.execute()
  else {
    const end = new Date(at.getTime() + overlapSeconds * 1000)
    await before.where('expiresAt', '<=', at).execute()
    await tx
      .updateTable('clientSecrets')
      .set({ expiresAt: sql<Date>`least(expires_at, ${end})` })
      .where('clientId', '=', clientId)
      .execute()
  }
  await insertSecret(tx, clientId, successor)
  await touchClient(tx, clientId)
}

/** @returns whether the client had such a secret */
export async function deleteSecret(tx: Queryable, clientId: string, id: string): Promise<boolean> {
  const deleted = await tx
    .deleteFrom('clientSecrets')
    .where('clientId', '=', clientId)
    .where('id', '=', id)
    .returning('id')
    .executeTakeFirst()
  if (deleted) await touchClient(tx, clientId)
  return deleted !== undefined
}

export async function insertSecret(tx: Queryable, clientId: string, secret: NewSecret): Promise<void> {
  // The clock, not when the transaction began: of two that waited for each other the later one's is the newer.
  const createdAt = sql<Date>`clock_timestamp()`
  await tx
    .insertInto('clientSecrets')
    .values({ ...secret, clientId, createdAt, expiresAt: null })
    .execute()
}

export async function touchClient(tx: Queryable, clientId: string): Promise<void> {
  await tx.updateTable('clients').set({ revision: nanoid() }).where('clientId', '=', clientId).execute()
}
