import { AsyncLocalStorage } from 'node:async_hooks'
import { requestLanguage } from '#foundation/http/request-language.ts'
import { addressOf, requestIdOf } from '#foundation/http/request-state.ts'
import type { Route, RouteHandler } from '#foundation/http/router.ts'
import type { Language } from '#foundation/messages/languages.ts'

/** By which door a change came in. `server`: a start or a job, on the server's own account. */
export type Via = 'api' | 'sign_in' | 'account' | 'console' | 'command_line' | 'server'

/** Where a change comes from. Whether it is allowed never hangs on it: that is the actor's, which use cases are given. */
export interface Origin {
  via: Via
  ip: string | null
  /** As error answers and the server's log have it. */
  requestId: string | null
  /** What whoever causes it wants to read, as far as their request tells: mails about it are written in it. */
  language: () => Language | undefined
}

const origins = new AsyncLocalStorage<Origin>()
const ofServer: Origin = { via: 'server', ip: null, requestId: null, language: () => undefined }

/** The origin of whatever runs now. */
export function currentOrigin(): Origin {
  return origins.getStore() ?? ofServer
}

/** Runs `work` so that the audit log tells where its changes come from. */
export function withOrigin<T>(origin: Pick<Origin, 'via'> & Partial<Origin>, work: () => T): T {
  return origins.run({ ...ofServer, ...origin }, work)
}

function originOf(via: Via, ctx: Parameters<RouteHandler>[0]): Origin {
  return {
    via,
    ip: addressOf(ctx) ?? null,
    requestId: requestIdOf(ctx) || null,
    language: () => requestLanguage(ctx),
  }
}

/** The routes of one door: what they change is told with it, the client's address and the request's id. */
export function routesVia(via: Via, routes: readonly Route[]): Route[] {
  return routes.map(([method, path, handler]) => [
    method,
    path,
    (ctx) => withOrigin(originOf(via, ctx), () => handler(ctx)),
  ])
}
