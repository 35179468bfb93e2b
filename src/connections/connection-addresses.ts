import type { Connection } from '../database/schema.ts'
import { issuerOf } from './connection.ts'

/** Where the provider sends the browser back to after signing out there; registered at it. */
export function signedOutUrl(issuer: string, name: string): string {
  return `${issuer}/connections/${name}/signed-out`
}

/**
 * The origin at which a connection's sign-in begins, as far as can be told without asking the provider: what a page's
 * `form-action` must allow for its button.
 */
export function signInOrigin(connection: Pick<Connection, 'type' | 'issuer'>): string {
  return new URL(connection.issuer ?? issuerOf(connection)).origin
}
