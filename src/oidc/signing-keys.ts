import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { sql } from 'kysely'
import type { Encryption } from '../crypto/encryption.ts'
import type { Queryable } from '../database/database.ts'

/** What we sign with, in the order of preference where a client leaves the choice: ES256 costs a fifth of RS256. */
export const signingAlgorithms = ['ES256', 'RS256', 'EdDSA'] as const

type SigningAlgorithm = (typeof signingAlgorithms)[number]

const lock = 7_148_302
const cacheSeconds = 3600
const tokenSeconds = 3600

/**
 * The private JWKs of every key that signs or still verifies, those that sign first: oidc-provider signs with the first
 * key of an algorithm and publishes all of them. Missing ones are made, once among all nodes.
 */
export async function loadSigningKeys(db: Queryable, encryption: Encryption): Promise<JWK[]> {
  const stored = await selectKeys(db)
  const rows = signingAlgorithms.every((alg) => stored.some((key) => key.alg === alg && key.status === 'current'))
    ? stored
    : await createMissingKeys(db, encryption)
  return rows.map((row) => JSON.parse(encryption.decrypt(row.privateJwk)) as JWK)
}

export type RotationOutcome =
  | { outcome: 'prepared'; usableAt: Date }
  | { outcome: 'waiting'; usableAt: Date }
  | { outcome: 'rotated' }

/**
 * One step of a rotation (`gatehouse keys rotate`): publishes the next keys; once they have been published for as long
 * as clients may cache the JWKS (an hour), makes them current and retires the old ones; drops retired keys when nothing
 * that they signed can still be valid.
 */
export function rotateSigningKeys(db: Queryable, encryption: Encryption, now = new Date()): Promise<RotationOutcome> {
  return db.transaction().execute(async (tx) => {
    await takeLock(tx)
    await tx
      .deleteFrom('signingKeys')
      .where('status', '=', 'retired')
      .where('statusSince', '<', new Date(now.getTime() - (cacheSeconds + tokenSeconds) * 1000))
      .execute()
    const next = (await selectKeys(tx)).filter((key) => key.status === 'next')
    const publishedSince = Math.max(...next.map((key) => key.statusSince.getTime()))
    if (next.length < signingAlgorithms.length) {
      for (const alg of signingAlgorithms) {
        if (!next.some((key) => key.alg === alg)) await insertKey(tx, encryption, alg, 'next')
      }
      return { outcome: 'prepared', usableAt: usableAt(now.getTime()) }
    }
    if (usableAt(publishedSince) > now) return { outcome: 'waiting', usableAt: usableAt(publishedSince) }
    await setStatus(tx, 'current', 'retired', now)
    await setStatus(tx, 'next', 'current', now)
    return { outcome: 'rotated' }
  })
}

function usableAt(publishedSince: number): Date {
  return new Date(publishedSince + cacheSeconds * 1000)
}

function createMissingKeys(db: Queryable, encryption: Encryption) {
  return db.transaction().execute(async (tx) => {
    await takeLock(tx)
    const stored = await selectKeys(tx)
    for (const alg of signingAlgorithms) {
      const present = stored.some((key) => key.alg === alg && key.status === 'current')
      if (!present) await insertKey(tx, encryption, alg, 'current')
    }
    return selectKeys(tx)
  })
}

function selectKeys(db: Queryable) {
  return db
    .selectFrom('signingKeys')
    .selectAll()
    .orderBy(sql`case status when 'current' then 0 when 'retired' then 1 else 2 end`)
    .orderBy('createdAt')
    .execute()
}

async function insertKey(tx: Queryable, encryption: Encryption, alg: SigningAlgorithm, status: 'current' | 'next') {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 })
  const kid = randomUUID()
  const jwk = { ...(await exportJWK(privateKey)), kid, alg, use: 'sig' }
  await tx
    .insertInto('signingKeys')
    .values({ kid, alg, status, privateJwk: encryption.encrypt(JSON.stringify(jwk)) })
    .execute()
}

async function setStatus(tx: Queryable, from: 'current' | 'next', to: 'current' | 'retired', now: Date) {
  await tx.updateTable('signingKeys').set({ status: to, statusSince: now }).where('status', '=', from).execute()
}

async function takeLock(tx: Queryable) {
  await sql`select pg_advisory_xact_lock(${sql.lit(lock)})`.execute(tx)
}
