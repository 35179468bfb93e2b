import { createCipheriv, pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import argon2 from 'argon2'

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
 * All of these take their time in libuv's threads: only `hashing-process.ts` calls them, whose threads they are.
 */

/** OWASP's floor for argon2id: 19 MiB, two passes, one lane. */
const ours = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

interface HashForm {
  /** Whether all of it is there, and what it costs is no more than a sign-in may: it is somebody else's to choose. */
  isAcceptable(hash: string): boolean
  matches(hash: string, password: string): Promise<boolean>
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
  `^\\$argon2id?\\$v=19\\$((?=[^$]*m=)(?=[^$]*t=)(?=[^$]*p=)[mtp]=\\d{1,9}(?:,[mtp]=\\d{1,9}){2})\\$${base64(11)}\\$${base64(16)}$`,
)
const bcryptHash = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/
const pbkdf2Hash = new RegExp(`^\\$pbkdf2-(sha1|sha256|sha512)\\$i=(\\d{1,9})\\$(${base64(1)})\\$(${base64(22)})$`)
const scryptHash = new RegExp(
  `^\\$(?:firebase-)?scrypt\\$ln=(\\d{1,2}),r=(\\d{1,4}),p=(\\d{1,4})\\$(${base64(1)})\\$(${base64(22)})$`,
)

const argon2Form: HashForm = {
  isAcceptable(hash) {
    const written = argon2Hash.exec(hash)?.[1]
    if (written === undefined) return false
    const { m = 0, t = 0, p = 0 } = Object.fromEntries(written.split(',').map((one) => one.split('='))) as Numbers
    const [memory, passes, lanes] = [Number(m), Number(t), Number(p)]
    const isWithinLimits =
      memory <= most.argon2.memory && memory * passes <= most.argon2.work && lanes <= most.argon2.lanes
    return isWithinLimits && passes >= 1 && lanes >= 1 && memory >= 8 * lanes
  },
  matches: (hash, password) => argon2.verify(hash, password),
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
  async matches(hash, password) {
    const [, digest = '', iterations, salt = '', value = ''] = pbkdf2Hash.exec(hash)!
    const expected = bytesOf(value)
    return timingSafeEqual(
      await promisify(pbkdf2)(password, bytesOf(salt), Number(iterations), expected.length, digest),
      expected,
    )
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
  async matches(hash, password) {
    const expected = bytesOf(scryptHash.exec(hash)![5]!)
    return timingSafeEqual(await derive(hash, password, expected.length), expected)
  },
}

/** What Firebase adds to scrypt is one AES-256-CTR, under the derived key, from a counter of nought. */
const firebaseForm: HashForm = {
  isAcceptable: (hash) => scryptForm.isAcceptable(hash),
  async matches(hash, password) {
    const expected = bytesOf(scryptHash.exec(hash)![5]!)
    const cipher = createCipheriv('aes-256-ctr', await derive(hash, password, 32), Buffer.alloc(16))
    return timingSafeEqual(cipher.update(Buffer.alloc(expected.length)), expected)
  },
}

function derive(hash: string, password: string, bytes: number): Promise<Buffer> {
  const [, ln, r, p, salt = ''] = scryptHash.exec(hash)!
  const options = { N: 2 ** Number(ln), r: Number(r), p: Number(p), maxmem: 2 ** 28 }
  return new Promise((resolve, reject) => {
    scrypt(password, bytesOf(salt), bytes, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
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
export function matchesHash(hash: string, password: string): Promise<boolean> {
  const form = formOf(hash)
  if (!form) throw new Error('a password hash of no known form')
  return form.matches(hash, password)
}

/** Of a password, with a salt of its own. @returns a PHC string */
export function newHash(password: string): Promise<string> {
  return argon2.hash(password, ours)
}

/** Whether a hash came from elsewhere or has weaker parameters than ours, and is due for another at the next sign-in. */
export function needsRehash(hash: string): boolean {
  return !hash.startsWith('$argon2id$') || argon2.needsRehash(hash, ours)
}
