import { isPasswordHash } from './hash-forms.ts'

/** The parameters of a Firebase project, as its console shows them (Authentication, Users, Password hash parameters). */
export interface FirebaseParameters {
  /** base64_signer_key */
  signerKey: string
  /** base64_salt_separator */
  saltSeparator: string
  rounds: number
  memCost: number
}

/** The hash as it is kept, or why it can't be: in words that hold nothing of it. */
export type ImportedHash = { passwordHash: string } | { problem: string }

const unknown: ImportedHash = {
  problem: 'is no argon2, bcrypt, PBKDF2, scrypt or Firebase hash that is known here, or costs more than a sign-in may',
}

/**
 * Turns a password hash as another system exports it into a form in which it is kept (`hash-forms.ts`).
 *
 * Known are PHC strings and bcrypt as they are, with or without padding; Django (`pbkdf2_sha256$600000$salt$…`, also sha1,
 * `argon2$…`, `bcrypt$…`, `scrypt$…`); Passlib (`$pbkdf2-sha256$29000$…`); Keycloak's credential, the JSON object with
 * `secretData` and `credentialData`; and `$firebase-scrypt$SALT$HASH`, from the two fields of a Firebase user.
 */
export function importHash(written: string, { firebase }: { firebase?: FirebaseParameters | undefined }): ImportedHash {
  const text = written.trim()
  const firebaseUser = /^\$firebase-scrypt\$([^$]+)\$([^$]+)$/.exec(text)
  if (firebaseUser) {
    return firebase
      ? checked(fromFirebase(firebaseUser[1]!, firebaseUser[2]!, firebase))
      : { problem: 'is a Firebase hash: set FIREBASE_SIGNER_KEY to the base64_signer_key of its project' }
  }
  return checked(text.startsWith('{') ? fromKeycloak(text) : (fromPasslib(text) ?? fromDjango(text) ?? text))
}

function checked(hash: string | undefined): ImportedHash {
  const passwordHash = hash?.startsWith('$2') ? hash : hash?.replace(/=+(?=\$|$)/g, '')
  return passwordHash !== undefined && isPasswordHash(passwordHash) ? { passwordHash } : unknown
}

/**
 * Firebase encrypts its signer key under what scrypt derives from password and salt, by AES-256-CTR, and keeps that. With
 * the key taken off again the key stream is left, which says as much of the password and needs no signer key at sign-in.
 */
function fromFirebase(salt: string, hash: string, parameters: FirebaseParameters): string | undefined {
  const { saltSeparator, rounds, memCost } = parameters
  const signerKey = bytesOf(parameters.signerKey)
  const encrypted = bytesOf(hash)
  if (signerKey.length !== encrypted.length) return undefined
  const keyStream = encrypted.map((byte, index) => byte ^ signerKey[index]!)
  const salted = Buffer.concat([bytesOf(salt), bytesOf(saltSeparator)])
  return `$firebase-scrypt$ln=${memCost},r=${rounds},p=1$${base64Of(salted)}$${base64Of(keyStream)}`
}

interface KeycloakParameters {
  algorithm?: string
  hashIterations?: number
  additionalParameters?: Record<string, string[] | undefined>
}

function fromKeycloak(text: string): string | undefined {
  try {
    const { secretData, credentialData } = JSON.parse(text) as Record<string, unknown>
    const { value = '', salt = '' } = objectOf(secretData) as { value?: string; salt?: string }
    const { algorithm, hashIterations, additionalParameters = {} } = objectOf(credentialData) as KeycloakParameters
    const [saltText, hashText] = [base64Of(bytesOf(salt)), base64Of(bytesOf(value))]
    if (algorithm === 'argon2') {
      const { type, memory, parallelism, version } = additionalParameters
      if (version && version[0] !== '1.3') return undefined
      const costs = `m=${memory?.[0]},t=${hashIterations},p=${parallelism?.[0]}`
      return `$argon2${type?.[0]}$v=19$${costs}$${saltText}$${hashText}`
    }
    // Its oldest algorithm has no name of a hash function: SHA-1.
    const name = algorithm === 'pbkdf2' ? 'pbkdf2-sha1' : algorithm
    return name?.startsWith('pbkdf2-') ? `$${name}$i=${hashIterations}$${saltText}$${hashText}` : undefined
  } catch {
    return undefined
  }
}

/** Keycloak writes JSON into JSON. */
function objectOf(value: unknown): object {
  const object: unknown = typeof value === 'string' ? JSON.parse(value) : value
  return typeof object === 'object' && object !== null ? object : {}
}

/** Its base64 has a dot in place of the plus. */
function fromPasslib(text: string): string | undefined {
  const found = /^\$pbkdf2(-sha256|-sha512)?\$(\d+)\$([A-Za-z0-9./]+)\$([A-Za-z0-9./]+)$/.exec(text)
  if (!found) return undefined
  const [, digest = '-sha1', iterations, salt = '', hash = ''] = found
  return `$pbkdf2${digest}$i=${iterations}$${salt.replaceAll('.', '+')}$${hash.replaceAll('.', '+')}`
}

/** Its salts are text, not bytes. */
function fromDjango(text: string): string | undefined {
  const [algorithm = '', ...rest] = text.split('$')
  if (algorithm === 'argon2' || (algorithm === 'bcrypt' && rest[0] === '')) {
    return `$${rest.join('$').replace(/^\$/, '')}`
  }
  if (algorithm === 'scrypt' && rest.length === 5) {
    const [work, salt = '', r, p, hash = ''] = rest
    const ln = Math.log2(Number(work))
    return Number.isInteger(ln) ? `$scrypt$ln=${ln},r=${r},p=${p}$${base64OfText(salt)}$${hash}` : undefined
  }
  const digest = /^pbkdf2_(sha1|sha256|sha512)$/.exec(algorithm)?.[1]
  if (!digest || rest.length !== 3) return undefined
  const [iterations, salt = '', hash = ''] = rest
  return `$pbkdf2-${digest}$i=${iterations}$${base64OfText(salt)}$${hash}`
}

/** Of either alphabet of base64. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'base64')
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}

function base64OfText(text: string): string {
  return base64Of(Buffer.from(text, 'utf8'))
}
