import { randomBytes } from 'node:crypto'
import type Koa from 'koa'
import { callbackUrl } from '#authentication/connections/connection.ts'
import type { SignInWishes, UpstreamRequest } from '#authentication/connections/openid-upstream.ts'
import type { Upstreams } from '#authentication/connections/upstreams.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { secondsFromNow } from '#foundation/database/clock.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { claimOnce } from '#foundation/database/single-use.ts'
import { SealedCookie } from '#foundation/http/sealed-cookie.ts'

/** What a person went to an identity provider for. */
export type UpstreamPurpose =
  | { kind: 'sign_in'; interactionUid: string }
  /** Linking what they are there to the account that they are signed in to. */
  | { kind: 'link'; userId: string; sessionUid: string }
  | TryPurpose

/** An administrator tries the connection: nobody is signed in by it. */
export interface TryPurpose {
  kind: 'try'
  userId: string
  sessionUid: string
  /** Whose connection they manage; null: the deployment's. */
  organizationId: string | null
}

/** How a person chose to sign in on a page of ours, before there was an interaction: at `/o/{slug}`. */
export interface ChosenWay {
  /** As the authorization request says it. */
  organization: string
  connection?: string | undefined
  email?: string | undefined
}

/** A round trip to an identity provider that one browser has begun. */
export interface UpstreamTransaction extends UpstreamRequest {
  connectionId: string
  purpose: UpstreamPurpose
  fresh: boolean
  /** Seconds since the epoch. */
  startedAt: number
}

const lifetimeMs = 600_000
/** The redirect that follows a choice takes no longer. */
const choiceMs = 60_000
/** A state is remembered as used for longer than any cookie holds it, whatever the clocks. */
const usedForMs = 2 * lifetimeMs

/**
 * The browser carries its round trips in sealed cookies named after their `state`, so that an answer works only in the
 * browser that asked (no link signs a person in as another), for ten minutes, and once: over all nodes the
 * database decides who was first.
 */
export class UpstreamTransactions {
  readonly #parts: { issuer: string; db: Queryable; upstreams: Upstreams }
  readonly #cookie: SealedCookie<UpstreamTransaction>
  readonly #chosen: SealedCookie<ChosenWay>

  constructor(parts: { issuer: string; db: Queryable; encryption: Encryption; upstreams: Upstreams }) {
    this.#parts = parts
    const { issuer, encryption } = parts
    this.#cookie = new SealedCookie({ name: 'gatehouse-connection', issuer, encryption, lifetimeMs })
    this.#chosen = new SealedCookie({ name: 'gatehouse-chosen', issuer, encryption, lifetimeMs: choiceMs })
  }

  /** Remembers in the browser what a form of ours, guarded against forgery, has said. */
  choose(ctx: Koa.Context, way: ChosenWay): void {
    this.#chosen.set(ctx, '', way)
  }

  /** What was chosen a moment ago; a choice is good for one request. */
  takeChosen(ctx: Koa.Context): ChosenWay | undefined {
    return this.#chosen.take(ctx, '')
  }

  /** @returns where to send the browser. @throws UpstreamError */
  async begin(
    ctx: Koa.Context,
    connection: Connection,
    purpose: UpstreamPurpose,
    wishes: SignInWishes,
  ): Promise<string> {
    const request: UpstreamRequest = {
      redirectUri: callbackUrl(this.#parts.issuer, connection),
      state: randomText(),
      nonce: randomText(),
      codeVerifier: randomText(),
    }
    const url = await this.#parts.upstreams.authorizationUrl(connection, request, wishes)
    const startedAt = Math.floor(Date.now() / 1000)
    const { fresh } = wishes
    const transaction = { ...request, connectionId: connection.id, purpose, fresh, startedAt }
    this.#cookie.set(ctx, suffixOf(request.state), transaction)
    return url.href
  }

  /**
   * The round trip that this browser comes back from, which is thereby over. Undefined for an answer that no one asked
   * for, that another browser or another connection asked for, that comes too late, or again.
   */
  async take(ctx: Koa.Context, connection: Connection): Promise<UpstreamTransaction | undefined> {
    const { state } = ctx.query
    if (typeof state !== 'string' || state.length > 100) return undefined
    const transaction = this.#cookie.take(ctx, suffixOf(state))
    if (transaction?.state !== state || transaction.connectionId !== connection.id) return undefined
    const isFirst = await claimOnce(this.#parts.db, `upstream state:${state}`, secondsFromNow(usedForMs / 1000))
    return isFirst ? transaction : undefined
  }
}

function randomText(): string {
  return randomBytes(32).toString('base64url')
}

function suffixOf(state: string): string {
  return sha256(state).toString('base64url').slice(0, 16)
}
