import { Provider, type Session } from 'oidc-provider'

/** What a session remembers of a connection that its person signed in through. */
export interface SessionConnection {
  id: string
  /** Where the browser can sign out there: asked for at sign-out, allowed by the page that leads there. */
  signOutOrigin?: string | undefined
  /** The id token for `id_token_hint`, encrypted. */
  idToken?: string | undefined
}

/** A session whose person came through connections, the latest last. None: by password. */
export type ConnectedSession = Session & { connections?: SessionConnection[] }

/**
 * Makes the library's Session remember by which connections its person has signed in: the interaction policy and the
 * account pages ask, and so does signing out. Signing in again by another way takes nothing back: what was shown to one
 * identity provider stays shown for as long as the session lives.
 */
export function installSessionConnections(provider: Provider): void {
  const session = provider.Session.prototype as ConnectedSession
  const { loginAccount } = session
  session.loginAccount = function loginAccountThrough(this: ConnectedSession, details) {
    loginAccount.call(this, details)
    const connection = connectionOfResult(Provider.ctx?.oidc.entities.Interaction?.result)
    if (!connection) return
    const others = this.connections?.filter(({ id }) => id !== connection.id) ?? []
    this.connections = [...others, connection]
  }
}

/** Ids of the connections that a session went through. */
export function usedConnections(session: Session | undefined): string[] {
  return (session as ConnectedSession | undefined)?.connections?.map(({ id }) => id) ?? []
}

function connectionOfResult(result: unknown): SessionConnection | undefined {
  return (result as { login?: { connection?: SessionConnection } } | undefined)?.login?.connection
}
