import type { Connection } from '#foundation/database/schema.ts'
import { issuerOf } from './connection.ts'

/** Where the provider sends the browser back to after signing out there; registered at it. */
export function signedOutUrl(issuer: string, { handle }: Pick<Connection, 'handle'>): string {
  return `${issuer}/connections/${handle}/signed-out`
}

/**
 * What the `form-action` of a page must allow whose form leads to one of these connections. Browsers hold every redirect
 * that follows a form to it, and identity providers send people on among hosts of their own that nobody can list: so
 * any https origin, besides those that are known (docs/adr/0010).
 */
export function upstreamTargets(connections: readonly Pick<Connection, 'type' | 'issuer'>[]): string[] {
  if (connections.length === 0) return []
  return ['https:', ...connections.map((connection) => new URL(issuerOf(connection)).origin)]
}
