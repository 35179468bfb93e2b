import { hash } from 'node:crypto'

/** SHA-256 of a high-entropy secret: all that is ever stored of it. */
export function sha256(value: string): Buffer {
  return hash('sha256', value, 'buffer')
}
