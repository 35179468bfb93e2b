import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type Koa from 'koa'
import { hostCookie } from '#foundation/http/host-cookie.ts'

const yearMs = 366 * 86_400_000

/**
 * Remembers, in a cookie, that a person has signed in with this browser, so that a stranger's wrong guesses at their
 * password do not lock them out. It grants nothing else.
 */
export class KnownBrowser {
  readonly #key: string
  readonly #cookie: string

  constructor({ key, issuer }: { key: string; issuer: string }) {
    this.#key = key
    this.#cookie = hostCookie(issuer, 'gatehouse-known')
  }

  /** The browser's own name, when this person has signed in with it before. */
  nameFor(ctx: Koa.Context, email: string): string | undefined {
    const [name = '', presented = ''] = (ctx.cookies.get(this.#cookie) ?? '').split('.')
    const expected = Buffer.from(this.#mac(name, email))
    const actual = Buffer.from(presented)
    return expected.length === actual.length && timingSafeEqual(expected, actual) ? name : undefined
  }

  remember(ctx: Koa.Context, email: string): void {
    const name = randomBytes(16).toString('base64url')
    ctx.cookies.set(this.#cookie, `${name}.${this.#mac(name, email)}`, {
      httpOnly: true,
      sameSite: 'lax',
      path: '/',
      maxAge: yearMs,
    })
  }

  #mac(name: string, email: string): string {
    return createHmac('sha256', this.#key).update(`${name}:${email.trim().toLowerCase()}`).digest('base64url')
  }
}
