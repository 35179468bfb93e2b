import type { IncomingMessage } from 'node:http'
import Cookies from 'cookies'
import type Koa from 'koa'
import { RequestState } from '#foundation/http/request-state.ts'
import { cookieNames } from '#protocol/request/cookies.ts'

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
      return super.set(`${name}-${value || uidOf(this.#ctx)}`, value, { ...options, path: '/' })
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

const named = new RequestState<string>()

/**
 * Says which interaction a request is about whose path doesn't: somebody comes back from an identity provider. Only a
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
