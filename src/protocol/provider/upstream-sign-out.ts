import { randomBytes } from 'node:crypto'
import type Koa from 'koa'
import type { Session } from 'oidc-provider'
import { signedOutUrl } from '#authentication/connections/connection-addresses.ts'
import { findEnabledConnection, findEnabledConnectionById } from '#authentication/connections/connection-queries.ts'
import type { Upstreams } from '#authentication/connections/upstreams.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { SealedCookie } from '#foundation/http/sealed-cookie.ts'
import type { ConnectedSession, SessionConnection } from '#protocol/library/session-connections.ts'

interface Pending {
  connectionId: string
  state: string
  location: string
}

const minutesMs = 60_000

/**
 * Signs a browser out at the identity provider as well, once it is signed out here (OpenID Connect RP-Initiated Logout):
 * of the connection that was used last and asks for it (`sign_out`). The provider sends the browser back to
 * `/connections/{handle}/signed-out`, which sends it on to where it was going.
 */
export class UpstreamSignOut {
  readonly #parts: { issuer: string; db: Queryable; encryption: Encryption; upstreams: Upstreams }
  readonly #cookie: SealedCookie<Pending>

  constructor(parts: { issuer: string; db: Queryable; encryption: Encryption; upstreams: Upstreams }) {
    this.#parts = parts
    const { issuer, encryption } = parts
    this.#cookie = new SealedCookie({ name: 'gatehouse-signed-out', issuer, encryption, lifetimeMs: 10 * minutesMs })
  }

  /** @returns where to send the browser before `location`; undefined when there is nothing to do, or the provider is down */
  async begin(ctx: Koa.Context, session: Session, location: string): Promise<string | undefined> {
    const used = connectionToSignOutAt(session)
    if (!used) return undefined
    const connection = await findEnabledConnectionById(this.#parts.db, used.id)
    if (!connection?.signOut) return undefined
    const state = randomBytes(32).toString('base64url')
    const url = await this.#parts.upstreams.endSessionUrl(connection, {
      idToken: this.#open(used.idToken),
      returnTo: signedOutUrl(this.#parts.issuer, connection),
      state,
    })
    // A page's policy named this origin; the provider may have moved since.
    if (!url || url.origin !== used.signOutOrigin) return undefined
    this.#cookie.set(ctx, '', { connectionId: connection.id, state, location })
    return url.href
  }

  /** Where to go on after the provider has sent the browser back; undefined for a visit that was not asked for. */
  async finish(ctx: Koa.Context, handle: string): Promise<string | undefined> {
    const pending = this.#cookie.take(ctx, '')
    const connection = await findEnabledConnection(this.#parts.db, handle)
    if (!pending || pending.connectionId !== connection?.id || pending.state !== ctx.query.state) return undefined
    return pending.location
  }

  /** What a session has to remember of a connection. */
  async remember(connection: Connection, idToken: string | undefined): Promise<SessionConnection> {
    const { id, signOut } = connection
    if (!signOut) return { id }
    const returnTo = signedOutUrl(this.#parts.issuer, connection)
    const url = await this.#parts.upstreams.endSessionUrl(connection, { idToken: undefined, returnTo, state: '' })
    const sealed = idToken && this.#parts.encryption.encrypt(idToken).toString('base64url')
    return { id, ...(url && { signOutOrigin: url.origin, idToken: sealed }) }
  }

  #open(sealed: string | undefined): string | undefined {
    try {
      return sealed && this.#parts.encryption.decrypt(Buffer.from(sealed, 'base64url'))
    } catch {
      // The key has been rotated away: the provider asks the person instead.
      return undefined
    }
  }
}

function connectionToSignOutAt(session: Session): SessionConnection | undefined {
  return (session as ConnectedSession).connections?.findLast(({ signOutOrigin }) => signOutOrigin !== undefined)
}

/** Where a form that signs this session out may lead besides ourselves. */
export function signOutTargets(session: Session | undefined): string[] {
  const origin = session && connectionToSignOutAt(session)?.signOutOrigin
  return origin === undefined ? [] : [origin]
}
