import { randomBytes } from 'node:crypto'
import type Koa from 'koa'

/** What the demo's relying party keeps for one browser, as a real one would keep it in its own session. */
export interface DemoSession {
  /** Of the authorization request under way. */
  flow?: { state: string; nonce: string; codeVerifier: string }
  tokens?: {
    accessToken: string
    refreshToken: string | undefined
    idToken: string | undefined
    claims: Record<string, unknown>
    scope: string | undefined
    /** Milliseconds since the epoch. */
    expiresAt: number
  }
}

const cookie = 'gatehouse-demo'
const mostSessions = 1_000

/** In memory: the demo runs in one process and may forget. */
export class DemoSessions {
  readonly #sessions = new Map<string, DemoSession>()

  of(ctx: Koa.Context): DemoSession {
    const id = ctx.cookies.get(cookie, { signed: false })
    const known = id && this.#sessions.get(id)
    if (known) return known
    const created: DemoSession = {}
    const newId = randomBytes(24).toString('base64url')
    if (this.#sessions.size >= mostSessions) this.#sessions.clear()
    this.#sessions.set(newId, created)
    ctx.cookies.set(cookie, newId, { signed: false, httpOnly: true, sameSite: 'lax', path: '/demo' })
    return created
  }

  end(ctx: Koa.Context): void {
    const id = ctx.cookies.get(cookie, { signed: false })
    if (id) this.#sessions.delete(id)
  }
}
