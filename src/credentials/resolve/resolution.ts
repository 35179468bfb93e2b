import type { Reference } from './credential.ts'

/** How a credential came to us; `introspection` is a resource server's question. */
export type Via = 'introspection' | 'bearer' | 'authorization' | 'x-api-key' | 'apikey-header' | 'query'

/** The resource server (or other client) that asks. `revision` as it was when it was authenticated. */
export interface Caller {
  clientId: string
  revision: string
}

export interface Question {
  reference: Reference
  via: Via
  /** Undefined: asked by ourselves or a proxy, for any audience. */
  caller: Caller | undefined
  /** Presented to our own API: a token that was asked for a resource server is not accepted here. */
  forOurselves?: boolean
  ip?: string
  userAgent?: string
  method?: string
  path?: string
}

export interface LiveCredential {
  kind: 'access_token' | 'refresh_token' | 'api_key'
  id: string
  clientId: string | null
  scope: string
  audience: string | null
  /** Seconds since the epoch. */
  issuedAt: number
  expiresAt: number
  /** Null for a service account, which is the client itself. */
  userId: string | null
  email: string | null
  superadmin: boolean
  organizationId: string | null
  organizationSlug: string | null
  /** JSON text, sorted: passed on unparsed where nothing narrows it. */
  permissions: string
  dataScopes: string
  firstParty: boolean
  /** JSON text of the narrowing chosen at creation, or null. */
  ownPermissions: string | null
  ownDataScopes: string | null
  /** Of an API key: whether it changes anything through our own API. */
  administration: boolean
}

export type Resolution =
  | Accepted
  | Refusal
  /** The caller was edited or deactivated since it was authenticated: nothing was logged, authenticate it again. */
  | { outcome: 'caller_changed' }

/** The credential of two uses is the same object as long as nothing of it has changed. */
export interface Accepted {
  outcome: 'accepted'
  credential: LiveCredential
  /** Of the use's entry in the authentication log, as PostgreSQL wrote it. */
  loggedAt: string
}

export interface Refusal {
  outcome: 'refused'
  reason: string
}

export type ResolveCredential = (question: Question) => Promise<Resolution>
