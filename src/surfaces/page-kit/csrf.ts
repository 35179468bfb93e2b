import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type Koa from 'koa'
import { GatehouseError } from '#foundation/errors.ts'
import { hostCookie } from '#foundation/http/host-cookie.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { RequestState } from '#foundation/http/request-state.ts'

/** The one guard of every form: a token that only this browser's own pages can hold. */
export interface Csrf {
  /** The token for a form on the page being rendered; gives the browser its id when it has none. */
  token(ctx: Koa.Context): string
  /** @throws GatehouseError permission_denied unless the form came from a page that this browser was shown */
  require(ctx: Koa.Context, form: Form): void
}

/** Of a browser that is given its id with this answer. */
const newBrowserIds = new RequestState<string>()

export const csrfField = '_csrf'

/**
 * A random id in the browser's cookie and an HMAC of it in the form. Another site can send the cookie along but not read
 * it, and cannot make the HMAC. Browsers that tell where a request comes from are held to it besides.
 * @param options.keys first signs, all verify
 */
export function createCsrf({ issuer, keys }: { issuer: string; keys: string[] }): Csrf {
  const cookie = hostCookie(issuer, 'gatehouse-browser')

  function browserId(ctx: Koa.Context): string | undefined {
    return newBrowserIds.get(ctx) ?? ctx.cookies.get(cookie, { signed: false })
  }

  return {
    token(ctx) {
      let id = browserId(ctx)
      if (!id) {
        id = randomBytes(24).toString('base64url')
        newBrowserIds.set(ctx, id)
        ctx.cookies.set(cookie, id, { signed: false, httpOnly: true, sameSite: 'lax', path: '/' })
      }
      return masked(mac(keys[0] ?? '', id)).toString('base64url')
    },
    require(ctx, form) {
      const id = browserId(ctx)
      const presented = unmasked(Buffer.from(form[csrfField] ?? '', 'base64url'))
      const genuine = id && presented && keys.some((key) => timingSafeEqual(presented, mac(key, id)))
      if (!genuine || comesFromElsewhere(ctx, issuer)) {
        throw new GatehouseError('permission_denied', 'This form has expired. Go back, reload the page and try again.')
      }
    },
  }
}

const macLength = 32

/**
 * Another text in each answer: pages are compressed, and of one that stays the same an attacker who can add to the page
 * learns a character at a time from its length (BREACH).
 */
function masked(token: Buffer): Buffer {
  const mask = randomBytes(macLength)
  return Buffer.concat([mask, exclusiveOr(token, mask)])
}

function unmasked(text: Buffer): Buffer | undefined {
  if (text.length !== 2 * macLength) return undefined
  return exclusiveOr(text.subarray(macLength), text.subarray(0, macLength))
}

function exclusiveOr(one: Buffer, other: Buffer): Buffer {
  return Buffer.from(one.map((byte, index) => byte ^ other[index]!))
}

function mac(key: string, browserId: string): Buffer {
  return createHmac('sha256', key).update(browserId).digest()
}

/** Under `Referrer-Policy: no-referrer` browsers send `Origin: null` with our own forms, so only a real origin counts. */
function comesFromElsewhere(ctx: Koa.Context, issuer: string): boolean {
  const site = ctx.get('sec-fetch-site')
  const origin = ctx.get('origin')
  return site === 'cross-site' || site === 'same-site' || (origin !== '' && origin !== 'null' && origin !== issuer)
}
