import type Koa from 'koa'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { hostCookie } from './host-cookie.ts'

/** Browsers send all cookies of ours with every request, and the server reads 16 KB of headers. */
const mostAtOnce = 4

/**
 * A short-lived value that a browser carries for us and can neither read nor make up: encrypted and authenticated,
 * HttpOnly, SameSite=Lax. One browser may carry several under different suffixes; the oldest give way.
 */
export class SealedCookie<T extends object> {
  readonly #name: string
  readonly #encryption: Encryption
  readonly #lifetimeMs: number

  constructor(options: { name: string; issuer: string; encryption: Encryption; lifetimeMs: number }) {
    this.#name = hostCookie(options.issuer, options.name)
    this.#encryption = options.encryption
    this.#lifetimeMs = options.lifetimeMs
  }

  set(ctx: Koa.Context, suffix: string, value: T): void {
    const name = this.#nameOf(suffix)
    for (const older of this.#others(ctx, name).slice(0, 1 - mostAtOnce)) this.#clear(ctx, older)
    // What it is for is sealed in: a cookie of another purpose, or of another suffix, doesn't pass for this one.
    const sealed = this.#encryption.encrypt(JSON.stringify({ name, until: Date.now() + this.#lifetimeMs, value }))
    ctx.cookies.set(name, sealed.toString('base64url'), { ...cookieOptions, maxAge: this.#lifetimeMs })
  }

  /** The value, whose cookie the answer removes; undefined when there is none, it is too old, or it isn't ours. */
  take(ctx: Koa.Context, suffix: string): T | undefined {
    const name = this.#nameOf(suffix)
    const sealed = ctx.cookies.get(name, { signed: false })
    if (!sealed) return undefined
    this.#clear(ctx, name)
    try {
      const opened = JSON.parse(this.#encryption.decrypt(Buffer.from(sealed, 'base64url')))
      return opened.name === name && opened.until > Date.now() ? (opened.value as T) : undefined
    } catch {
      return undefined
    }
  }

  #nameOf(suffix: string): string {
    return suffix === '' ? this.#name : `${this.#name}-${suffix}`
  }

  /** In the order in which the browser was given them (RFC 6265 §5.4). */
  #others(ctx: Koa.Context, name: string): string[] {
    return ctx
      .get('cookie')
      .split(/; */)
      .map((pair) => pair.slice(0, pair.indexOf('=')))
      .filter((one) => one !== name && one.startsWith(`${this.#name}-`))
  }

  #clear(ctx: Koa.Context, name: string): void {
    ctx.cookies.set(name, null, cookieOptions)
  }
}

const cookieOptions = { signed: false, httpOnly: true, sameSite: 'lax', path: '/' } as const
