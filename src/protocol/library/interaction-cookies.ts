import type { IncomingMessage } from 'node:http'
import Cookies from 'cookies'
import type Koa from 'koa'
import { RequestState } from '#foundation/http/request-state.ts'
import { cookieNames } from '#protocol/request/cookies.ts'

/** Sign-ins that one browser can have begun and not finished. */
const mostInteractions = 8
/** Each takes four headers of the answer; where more are left over, the next sign-in goes on. */
const mostForgottenAtOnce = 2

/** Gives every context of `app` a cookie jar in which an interaction's cookies carry its uid in their names. */
export function installInteractionCookies(app: Koa, issuer: string): void {
  const names = cookieNames(issuer)
  const perInteraction = new Set<string>([names.interaction, names.resume])
  const jars = new WeakMap<Koa.Context, Cookies>()
  const secure = issuer.startsWith('https:')

  class InteractionCookies extends Cookies {
    readonly #ctx: { req: IncomingMessage }

    constructor(ctx: Koa.Context) {
      super(ctx.req, ctx.res, { keys: app.keys as string[], secure })
      this.#ctx = ctx
    }

    override get(name: string, options?: Cookies.GetOption) {
      return super.get(perInteraction.has(name) ? `${name}-${uidOf(this.#ctx)}` : name, options)
    }

    override set(name: string, value?: string | null, options?: Cookies.SetOption) {
      if (!perInteraction.has(name)) return super.set(name, value, options)
      if (name === names.interaction && value) this.#forgetOldest(value)
      return super.set(`${name}-${value || uidOf(this.#ctx)}`, value, { ...options, path: '/' })
    }

    /** Any site can have a browser begin sign-ins: their cookies must not add up to more than the server reads. */
    #forgetOldest(uid: string): void {
      const others = uidsIn(this.#ctx.req.headers.cookie ?? '', names.interaction).filter((other) => other !== uid)
      for (const old of others.slice(0, 1 - mostInteractions).slice(0, mostForgottenAtOnce)) {
        for (const name of perInteraction) super.set(`${name}-${old}`, null, { signed: true, path: '/' })
      }
    }
  }

  Object.defineProperty(app.context, 'cookies', {
    configurable: true,
    get(this: Koa.Context) {
      let jar = jars.get(this)
      if (!jar) {
        jar = new InteractionCookies(this)
        jars.set(this, jar)
      }
      return jar
    },
    set(this: Koa.Context, jar: Cookies) {
      jars.set(this, jar)
    },
  })
}

/** The interactions of a Cookie header, the oldest first: a browser keeps that order (RFC 6265 §5.4). */
function uidsIn(header: string, name: string): string[] {
  return header
    .split(/; */)
    .map((pair) => pair.slice(0, pair.indexOf('=')))
    .filter((cookie) => cookie.startsWith(`${name}-`) && !cookie.endsWith('.sig'))
    .map((cookie) => cookie.slice(name.length + 1))
}

const named = new RequestState<string>()

/**
 * Says which interaction a request is about whose path doesn't: a person comes back from an identity provider. Only a
 * browser that has the interaction's cookies can go on with it, as under its own address.
 */
export function nameInteraction(ctx: { req: IncomingMessage }, uid: string): void {
  named.set(ctx, uid)
}

function uidOf(ctx: { req: IncomingMessage }): string {
  return named.get(ctx) ?? uidOfPath(ctx.req.url ?? '')
}

/** `/interaction/:uid…`, `/oauth/authorize/:uid` and `/device/:uid` name the interaction they belong to. */
function uidOfPath(url: string): string {
  return /^\/(?:interaction|oauth\/authorize|device)\/([\w-]{10,64})(?:[/?]|$)/.exec(url)?.[1] ?? ''
}
