import { createCipheriv, createDecipheriv, hash, hkdfSync, randomBytes } from 'node:crypto'

/** What is encrypted at rest: AES-256-GCM under the first key, readable under every key. */
export interface Encryption {
  /** @returns key id (4 bytes), nonce (12), tag (16), ciphertext */
  encrypt(plaintext: string): Buffer
  /** @throws UnknownKeyError when no configured key made it; another error when it was tampered with */
  decrypt(sealed: Buffer): string
  /** A secret of every node for one purpose, first key first: cookies signed under an older key stay readable. */
  derivedKeys(purpose: string): string[]
}

/** What is stored was encrypted under a key that the operator has not given. */
export class UnknownKeyError extends Error {
  constructor() {
    super('ENCRYPTION_KEYS: lacks the key under which this database was encrypted')
  }
}

const keyIdLength = 4
const nonceLength = 12
const tagLength = 16

/** @param keys 32 bytes each, at least one */
export function encryptionWith(keys: readonly Buffer[]): Encryption {
  const byId = new Map(keys.map((key) => [keyId(key).toString('hex'), key]))
  const [first] = keys
  if (!first) throw new Error('at least one encryption key is needed')
  return {
    encrypt(plaintext) {
      const nonce = randomBytes(nonceLength)
      const cipher = createCipheriv('aes-256-gcm', first, nonce)
      const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()])
      return Buffer.concat([keyId(first), nonce, cipher.getAuthTag(), ciphertext])
    },
    decrypt(sealed) {
      const key = byId.get(sealed.subarray(0, keyIdLength).toString('hex'))
      if (!key) throw new UnknownKeyError()
      const nonceEnd = keyIdLength + nonceLength
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(keyIdLength, nonceEnd))
      decipher.setAuthTag(sealed.subarray(nonceEnd, nonceEnd + tagLength))
      return decipher.update(sealed.subarray(nonceEnd + tagLength), undefined, 'utf8') + decipher.final('utf8')
    },
    derivedKeys: (purpose) =>
      keys.map((key) => Buffer.from(hkdfSync('sha256', key, '', `gatehouse ${purpose}`, 32)).toString('base64url')),
  }
}

function keyId(key: Buffer): Buffer {
  return hash('sha256', key, 'buffer').subarray(0, keyIdLength)
}
