import type { IncomingMessage } from 'node:http'

/** Koa's context and oidc-provider's have the request in common. */
interface OfRequest {
  req: IncomingMessage
}

/** One value for the length of a request, in the type that its owner gives it: in place of names in `ctx.state`. */
export class RequestState<T> {
  readonly #values = new WeakMap<IncomingMessage, T>()

  get({ req }: OfRequest): T | undefined {
    return this.#values.get(req)
  }

  set({ req }: OfRequest, value: T): void {
    this.#values.set(req, value)
  }
}

const ids = new RequestState<string>()
const addresses = new RequestState<string>()

/** Names the request in the log and on error pages, and tells where it comes from. */
export function identifyRequest(ctx: OfRequest, { id, address }: { id: string; address: string }): void {
  ids.set(ctx, id)
  addresses.set(ctx, address)
}

/** The id that error answers show; empty before the request is identified. */
export function requestIdOf(ctx: OfRequest): string {
  return ids.get(ctx) ?? ''
}

/** The client's address, through the proxies that are trusted. */
export function addressOf(ctx: OfRequest): string | undefined {
  return addresses.get(ctx)
}
