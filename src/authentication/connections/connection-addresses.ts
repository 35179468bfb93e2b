import type { Connection } from '#foundation/database/schema.ts'
import { issuerOf } from './connection.ts'

/** Where the provider sends the browser back to after signing out there; registered at it. */
export function signedOutUrl(issuer: string, { handle }: Pick<Connection, 'handle'>): string {
  return `${issuer}/connections/${handle}/signed-out`
}

/**
 * What the `form-action` of a page must allow whose form leads to one of these connections. Browsers hold every redirect
 * that follows a form to it, and identity providers send people on among hosts of their own that cannot be listed: so
 * any https origin (docs/adr/0009), and of the providers without https those of these buttons.
 */
export function upstreamTargets(connections: readonly Pick<Connection, 'type' | 'issuer'>[]): string[] {
  if (connections.length === 0) return []
  const origins = connections.map((connection) => new URL(issuerOf(connection)).origin)
  return ['https:', ...new Set(origins.filter((origin) => origin.startsWith('http:')))]
}

/**
 * The same for a page on which the connection isn't known yet, because it follows from what is entered; for those only
 * where there is a connection that may follow. What it says is the operator's configuration: no organization's
 * connection makes it longer, or can be read from it.
 */
export function anyUpstreamTarget(outboundAllowedHosts: readonly string[]): string[] {
  return ['https:', ...outboundAllowedHosts.map((host) => `http://${/:\d+$/.test(host) ? host : `${host}:*`}`)]
}
