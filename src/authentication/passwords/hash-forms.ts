import { argon2Sync, createCipheriv, pbkdf2Sync, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { verifySync as verifyBcrypt } from '@node-rs/bcrypt'

/*
 * The forms in which password hashes are kept. Ours is argon2id; the others came with people from other systems and
 * give way to it at their next sign-in. What is told by the prefix is all that the hash needs to be verified.
 *
 * `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`, `$argon2i$…`   PHC string format
 * `$2b$12$…`, `$2a$…`, `$2y$…`                               bcrypt, of a password's first 72 bytes
 * `$pbkdf2-sha256$i=600000$SALT$HASH`, also sha1 and sha512  PHC; as many bytes as the hash has
 * `$scrypt$ln=14,r=8,p=1$SALT$HASH`                          PHC
 * `$firebase-scrypt$ln=14,r=8,p=1$SALT$KEYSTREAM`            see `imported-hash.ts`
 *
 * All of these take their time where they are called: only `hashing-thread.ts` calls them.
 */

/** OWASP's floor for argon2id: 19 MiB, two passes, one lane. */
const ours = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 } as const
const saltBytes = 16

interface HashForm {
  /** Whether all of it is there, and what it costs is no more than a sign-in may: it is somebody else's to choose. */
  isAcceptable(hash: string): boolean
  matches(hash: string, password: string): boolean
}

/** Memory that one verification may take: 256 MiB for argon2, 128 for scrypt. */
const most = {
  /** In KiB, and in KiB times passes. */
  argon2: { memory: 2 ** 18, work: 2 ** 20, lanes: 16 },
  /** The cost after `$2b$`: each step doubles the time. */
  bcrypt: 14,
  /** Iterations times blocks of the hash function. */
  pbkdf2: 2_500_000,
  /** N times r, and that times p. */
  scrypt: { memory: 2 ** 20, work: 2 ** 21 },
} as const

const base64 = (fewest: number) => `[A-Za-z0-9+/]{${fewest},172}`
const argon2Hash = new RegExp(
  `^\\$(argon2id?)\\$v=19\\$((?=[^$]*m=)(?=[^$]*t=)(?=[^$]*p=)[mtp]=\\d{1,9}(?:,[mtp]=\\d{1,9}){2})\\$(${base64(11)})\\$(${base64(16)})$`,
)
const bcryptHash = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/
const pbkdf2Hash = new RegExp(`^\\$pbkdf2-(sha1|sha256|sha512)\\$i=(\\d{1,9})\\$(${base64(1)})\\$(${base64(22)})$`)
const scryptHash = new RegExp(
  `^\\$(?:firebase-)?scrypt\\$ln=(\\d{1,2}),r=(\\d{1,4}),p=(\\d{1,4})\\$(${base64(1)})\\$(${base64(22)})$`,
)

const argon2Form: HashForm = {
  isAcceptable(hash) {
    const found = readArgon2(hash)
    if (!found) return false
    const { memory, passes, parallelism } = found.costs
    const isWithinLimits =
      memory <= most.argon2.memory && memory * passes <= most.argon2.work && parallelism <= most.argon2.lanes
    return isWithinLimits && passes >= 1 && parallelism >= 1 && memory >= 8 * parallelism
  },
  matches(hash, password) {
    const { algorithm, costs, salt, expected } = readArgon2(hash)!
    const value = argon2Sync(algorithm, { ...costs, message: password, nonce: salt, tagLength: expected.length })
    return timingSafeEqual(value, expected)
  },
}

/** Undefined for what is no argon2 hash of version 19. The costs may stand in any order. */
function readArgon2(hash: string) {
  const found = argon2Hash.exec(hash)
  if (!found) return undefined
  const [, algorithm, written = '', salt = '', value = ''] = found
  const { m = 0, t = 0, p = 0 } = Object.fromEntries(written.split(',').map((one) => one.split('='))) as Numbers
  return {
    algorithm: algorithm as 'argon2id' | 'argon2i',
    costs: { memory: Number(m), passes: Number(t), parallelism: Number(p) },
    salt: bytesOf(salt),
    expected: bytesOf(value),
  }
}

type Numbers = Partial<Record<'m' | 't' | 'p', string>>

const bcryptForm: HashForm = {
  isAcceptable(hash) {
    const cost = Number(bcryptHash.exec(hash)?.[1])
    return cost >= 4 && cost <= most.bcrypt
  },
  matches: (hash, password) => verifyBcrypt(password, hash),
}

/** Bytes that one round of each hash function gives. */
const digestBytes: Record<string, number> = { sha1: 20, sha256: 32, sha512: 64 }

const pbkdf2Form: HashForm = {
  isAcceptable(hash) {
    const found = pbkdf2Hash.exec(hash)
    if (!found) return false
    const [, digest = '', iterations, , value = ''] = found
    const blocks = Math.ceil(bytesOf(value).length / digestBytes[digest]!)
    return Number(iterations) >= 1 && Number(iterations) * blocks <= most.pbkdf2
  },
  matches(hash, password) {
    const [, digest = '', iterations, salt = '', value = ''] = pbkdf2Hash.exec(hash)!
    const expected = bytesOf(value)
    return timingSafeEqual(pbkdf2Sync(password, bytesOf(salt), Number(iterations), expected.length, digest), expected)
  },
}

const scryptForm: HashForm = {
  isAcceptable(hash) {
    const found = scryptHash.exec(hash)
    if (!found) return false
    const [ln, r, p] = found.slice(1, 4).map(Number) as [number, number, number]
    const memory = 2 ** ln * r
    return ln >= 1 && r >= 1 && p >= 1 && memory <= most.scrypt.memory && memory * p <= most.scrypt.work
  },
  matches(hash, password) {
    const expected = bytesOf(scryptHash.exec(hash)![5]!)
    return timingSafeEqual(derive(hash, password, expected.length), expected)
  },
}

/** What Firebase adds to scrypt is one AES-256-CTR, under the derived key, from a counter of nought. */
const firebaseForm: HashForm = {
  isAcceptable: (hash) => scryptForm.isAcceptable(hash),
  matches(hash, password) {
    const expected = bytesOf(scryptHash.exec(hash)![5]!)
    const cipher = createCipheriv('aes-256-ctr', derive(hash, password, 32), Buffer.alloc(16))
    return timingSafeEqual(cipher.update(Buffer.alloc(expected.length)), expected)
  },
}

function derive(hash: string, password: string, bytes: number): Buffer {
  const [, ln, r, p, salt = ''] = scryptHash.exec(hash)!
  const options = { N: 2 ** Number(ln), r: Number(r), p: Number(p), maxmem: 2 ** 28 }
  return scryptSync(password, bytesOf(salt), bytes, options)
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'base64')
}

const forms: ReadonlyMap<string, HashForm> = new Map([
  ['argon2id', argon2Form],
  ['argon2i', argon2Form],
  ['2a', bcryptForm],
  ['2b', bcryptForm],
  ['2y', bcryptForm],
  ['pbkdf2-sha1', pbkdf2Form],
  ['pbkdf2-sha256', pbkdf2Form],
  ['pbkdf2-sha512', pbkdf2Form],
  ['scrypt', scryptForm],
  ['firebase-scrypt', firebaseForm],
])

function formOf(hash: string): HashForm | undefined {
  return forms.get(hash.split('$', 2)[1] ?? '')
}

/** Whether it is a hash in one of the forms above, whole, and no dearer to verify than a sign-in may be. */
export function isPasswordHash(value: string): boolean {
  return formOf(value)?.isAcceptable(value) ?? false
}

/** @throws Error for a hash in no form of these, which no row holds */
export function matchesHash(hash: string, password: string): boolean {
  const form = formOf(hash)
  if (!form) throw new Error('a password hash of no known form')
  return form.matches(hash, password)
}

/** Of a password, with a salt of its own. @returns a PHC string */
export function newHash(password: string): string {
  const salt = randomBytes(saltBytes)
  const value = argon2Sync('argon2id', { ...ours, message: password, nonce: salt })
  const { memory, passes, parallelism } = ours
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64Of(salt)}$${base64Of(value)}`
}

/** Whether a hash came from elsewhere or has weaker parameters than ours, and is due for another at the next sign-in. */
export function needsRehash(hash: string): boolean {
  const found = readArgon2(hash)
  if (found?.algorithm !== 'argon2id') return true
  const { memory, passes, parallelism } = found.costs
  return memory !== ours.memory || passes !== ours.passes || parallelism !== ours.parallelism
}

/** As PHC strings have it: without padding. */
function base64Of(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
