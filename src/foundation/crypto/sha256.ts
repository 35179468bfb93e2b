import { hash } from 'node:crypto'

/** SHA-256 of a high-entropy secret: all that is ever stored of it. */
export function sha256(value: string): Buffer {
  return hash('sha256', value, 'buffer')
}

/** The same in hex. */
export function sha256Hex(value: string): string {
  return hash('sha256', value, 'hex')
}
