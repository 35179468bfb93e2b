import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { sql } from 'kysely'
import { type AuditActor, recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { clock } from '#foundation/database/clock.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'

/** What we sign with, in the order of preference where a client leaves the choice: ES256 costs a fifth of RS256. */
export const signingAlgorithms = ['ES256', 'RS256', 'EdDSA'] as const

type SigningAlgorithm = (typeof signingAlgorithms)[number]

const cacheSeconds = 3600
const tokenSeconds = 3600

/**
 * The private JWKs of every key that signs or still verifies, those that sign first: oidc-provider signs with the first
 * key of an algorithm and publishes all of them. Missing ones are made, once among all nodes; the next key of each
 * algorithm is published from the start, so that a rotation need not wait for the caches of those who verify.
 */
export async function loadSigningKeys(db: Queryable, encryption: Encryption): Promise<JWK[]> {
  let keys = await selectKeys(db)
  if (missingKeys(keys).length > 0) {
    keys = await inTransaction(db, async (tx) => {
      await lock(tx, 'signingKeys')
      await insertMissingKeys(tx, encryption)
      return selectKeys(tx)
    })
  }
  return keys.map((key) => JSON.parse(encryption.decrypt(key.privateJwk)) as JWK)
}

/** A signing key as everybody may know it. */
export interface PublishedSigningKey {
  kid: string
  alg: string
  /** `next` is published and signs nothing yet, `retired` only verifies. */
  status: 'next' | 'current' | 'retired'
  statusSince: Date
  createdAt: Date
  jwk: JWK
}

/** Every key that signs, will sign or still verifies: those that sign first. */
export async function listSigningKeys(db: Queryable, encryption: Encryption): Promise<PublishedSigningKey[]> {
  const keys = await selectKeys(db)
  return keys.map(({ privateJwk, ...key }) => ({ ...key, jwk: publicPart(JSON.parse(encryption.decrypt(privateJwk))) }))
}

export function publicPart({ d, p, q, dp, dq, qi, ...jwk }: JWK): JWK {
  return jwk
}

/** A key as `doctor` looks at it. */
export interface SigningKeySurvey {
  alg: string
  status: 'next' | 'current' | 'retired'
  statusSince: Date
  /** Whether the encryption keys that are given can read it. */
  readable: boolean
}

/** What there is of signing keys; none is made. */
export async function surveySigningKeys(db: Queryable, encryption: Encryption): Promise<SigningKeySurvey[]> {
  const isReadable = (sealed: Buffer) => {
    try {
      return encryption.decrypt(sealed) !== ''
    } catch {
      return false
    }
  }
  const keys = await selectKeys(db)
  return keys.map(({ alg, status, statusSince, privateJwk }) => {
    return { alg, status, statusSince, readable: isReadable(privateJwk) }
  })
}

export type RotationOutcome =
  | { outcome: 'rotated' }
  /** The next keys are not published long enough: a client may still verify with a JWKS that lacks them. */
  | { outcome: 'too_early'; possibleFrom: Date }

/**
 * `gatehouse keys rotate`: next → current → retired, and new next keys are published. Refused until the next keys have
 * been published for as long as clients may cache the JWKS (an hour). A retired key verifies for as long as anything
 * that it signed can be valid.
 * @param options.at for tests
 */
export function rotateSigningKeys(
  db: Queryable,
  encryption: Encryption,
  { actor, at }: { actor: AuditActor; at?: Date },
): Promise<RotationOutcome> {
  return inTransaction(db, async (tx) => {
    await lock(tx, 'signingKeys')
    const now = at ?? (await clock(tx))
    await insertMissingKeys(tx, encryption)
    const { next = [], current = [] } = Object.groupBy(await selectKeys(tx), (key) => key.status)
    const publishedSince = Math.max(...next.map((key) => key.statusSince.getTime()))
    const possibleFrom = new Date(publishedSince + cacheSeconds * 1000)
    if (possibleFrom > now) return { outcome: 'too_early', possibleFrom }
    await setStatus(tx, 'current', 'retired', now)
    await setStatus(tx, 'next', 'current', now)
    await insertMissingKeys(tx, encryption)
    await dropKeysThatNothingNeeds(tx, now)
    await recordAuditEvent(tx, {
      actor,
      action: 'signing_key.rotated',
      subject: { kind: 'signing_key', id: null, name: 'signing keys' },
      before: idsByAlgorithm(current),
      after: idsByAlgorithm(next),
    })
    return { outcome: 'rotated' }
  })
}

/** `{ ES256: 'kid', … }` */
function idsByAlgorithm(keys: readonly { alg: string; kid: string }[]): Record<string, string> {
  return Object.fromEntries(keys.map(({ alg, kid }) => [alg, kid]))
}

function missingKeys(stored: readonly { alg: string; status: string }[]) {
  return signingAlgorithms.flatMap((alg) =>
    (['current', 'next'] as const)
      .filter((status) => !stored.some((key) => key.alg === alg && key.status === status))
      .map((status) => ({ alg, status })),
  )
}

async function insertMissingKeys(tx: Queryable, encryption: Encryption): Promise<void> {
  for (const { alg, status } of missingKeys(await selectKeys(tx))) await insertKey(tx, encryption, alg, status)
}

async function dropKeysThatNothingNeeds(tx: Queryable, now: Date): Promise<void> {
  await tx
    .deleteFrom('signingKeys')
    .where('status', '=', 'retired')
    .where('statusSince', '<', new Date(now.getTime() - (cacheSeconds + tokenSeconds) * 1000))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('credentials')
            .select('id')
            .where('kind', '=', 'api_key')
            .where('format', '=', 'jwt')
            .where(sql`payload ->> 'kid'`, '=', sql.ref('signing_keys.kid'))
            .where('deletedAt', 'is', null)
            .where('expiresAt', '>', now),
        ),
      ),
    )
    .execute()
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
