import type Koa from 'koa'
import { z } from 'zod'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { hostCookie } from '#foundation/http/host-cookie.ts'
import type { SignedInUser } from './signed-in-user.ts'

/**
 * A secret on its way from the form that made it to the page that shows it, over a redirect, so that a reload makes
 * nothing twice: in no address, and in the browser alone, which can't read it. It is for one page, one session and a few
 * minutes, and gone once that page has been shown.
 */
export interface ShownOnce {
  /** @param page path of the one page that may show it */
  keep(ctx: Koa.Context, signedIn: SignedInUser, page: string, secret: string): void
  /** @returns undefined when there is none for the page that is asked for, or it has been shown */
  take(ctx: Koa.Context, signedIn: SignedInUser): string | undefined
}

const keptMs = 5 * 60_000
const sealed = z.object({ page: z.string(), session: z.string(), until: z.number(), secret: z.string() })

export function shownOnce({ issuer, encryption }: { issuer: string; encryption: Encryption }): ShownOnce {
  const name = hostCookie(issuer, 'gatehouse-once')
  const options = { signed: false, httpOnly: true, sameSite: 'strict', path: '/' } as const

  function open(text: string | undefined): z.infer<typeof sealed> | undefined {
    try {
      return sealed.parse(JSON.parse(encryption.decrypt(Buffer.from(text ?? '', 'base64url'))))
    } catch {
      return undefined
    }
  }

  return {
    keep(ctx, { sessionUid: session }, page, secret) {
      const content: z.infer<typeof sealed> = { page, session, until: Date.now() + keptMs, secret }
      const value = encryption.encrypt(JSON.stringify(content)).toString('base64url')
      ctx.cookies.set(name, value, { ...options, maxAge: keptMs })
    },
    take(ctx, { sessionUid }) {
      const kept = open(ctx.cookies.get(name, { signed: false }))
      if (kept?.page !== ctx.path) return undefined
      ctx.cookies.set(name, null, options)
      return kept.session === sessionUid && kept.until > Date.now() ? kept.secret : undefined
    },
  }
}
