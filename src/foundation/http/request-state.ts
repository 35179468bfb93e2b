import type { IncomingMessage } from 'node:http'

/** Koa's context and oidc-provider's have the request in common. */
interface OfRequest {
  req: IncomingMessage
}

/**
 * One value for the length of a request, in the type that its owner gives it: in place of names in `ctx.state`. It is a
 * member of the request under a symbol that nobody else has: of a WeakMap the collector would look at each entry.
 */
export class RequestState<T> {
  readonly #key = Symbol()

  get({ req }: OfRequest): T | undefined {
    return (req as Keyed<T>)[this.#key]
  }

  set({ req }: OfRequest, value: T): void {
    ;(req as Keyed<T>)[this.#key] = value
  }
}

type Keyed<T> = IncomingMessage & { [key: symbol]: T | undefined }

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
