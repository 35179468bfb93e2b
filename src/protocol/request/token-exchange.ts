import { type AdapterPayload, Provider } from 'oidc-provider'
import type { LiveGrant } from '#credentials/grants/grant-queries.ts'
import type { Holder, NewToken } from '#credentials/issued/issue-tokens.ts'
import type { ClientWithSecrets } from '#directory/clients/client-queries.ts'
import { RequestState } from '#foundation/http/request-state.ts'

/** Something that was looked for under a name. */
export interface Sought<T> {
  of: string
  /** Undefined: there is none. */
  is: T | undefined
}

/** What a token request names, as it was found before the library runs. Undefined: it names none. */
export interface FoundForExchange {
  /** By id; one that may act now. */
  client?: Sought<ClientInExchange>
  /** By the hash of the token (hex), revoked ones left out. */
  refreshToken?: Sought<RefreshTokenInExchange>
  /** By model and hash, see `stateName`. */
  code?: Sought<{ payload: AdapterPayload; consumed: boolean }>
  /** By id: that of the token or code. */
  grant?: Sought<LiveGrant>
  /** By resource identifier. */
  resourceServer?: Sought<{ accessTokenFormat: 'opaque' | 'jwt' }>
}

export type ClientInExchange = Pick<
  ClientWithSecrets,
  'clientId' | 'clientName' | 'metadata' | 'firstParty' | 'permissions' | 'organizationId' | 'secrets'
> & {
  organization: { id: string; slug: string; name: string } | undefined
}

export interface RefreshTokenInExchange {
  id: string
  payload: AdapterPayload
  spentAt: Date | null
}

export function stateName(model: string, idHash: string): string {
  return `${model}:${idHash}`
}

/**
 * A token request as our side of the library sees it: what was found for it beforehand, and what it will have done once it
 * has been answered. Nothing of that is done while the library runs.
 */
export class TokenExchange {
  readonly found: FoundForExchange
  /** Of a request that presents a refresh token: who asks and for what, the same of a repeat. */
  readonly requestHash: Buffer | undefined
  /** Sealed: the answer that this very request was given before. */
  keptAnswer: Buffer | undefined

  readonly tokens: NewToken[] = []
  /** Whose tokens they are. */
  holder: Holder | undefined
  /** The hash of the refresh token that it spends, hex. */
  refreshTokenHash: string | undefined
  /** The code that it spends: see `claimOnce`. */
  singleUse: { name: string; keptSeconds: number } | undefined
  /** Client assertions that prove it: see `claimOnce`. */
  readonly assertions: { name: string; expiresAt: Date }[] = []
  /** Grants that end because something of theirs was presented a second time. */
  readonly endedGrants: string[] = []

  constructor(found: FoundForExchange, requestHash: Buffer | undefined) {
    this.found = found
    this.requestHash = requestHash
  }

  issue(holder: Holder, token: NewToken): void {
    this.holder = holder
    this.tokens.push(token)
  }
}

const exchanges = new RequestState<TokenExchange>()

export function beginExchange(ctx: Parameters<typeof exchanges.get>[0], exchange: TokenExchange): void {
  exchanges.set(ctx, exchange)
}

/** Of the token request that the library is answering; undefined in any other. */
export function currentExchange(): TokenExchange | undefined {
  const ctx = Provider.ctx
  return ctx && exchanges.get(ctx)
}

/** What was found under this name; undefined when it was not looked for. */
export function foundAs<T>(sought: Sought<T> | undefined, name: string): Sought<T> | undefined {
  return sought?.of === name ? sought : undefined
}
