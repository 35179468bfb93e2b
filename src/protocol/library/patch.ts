import type { Provider } from 'oidc-provider'
import type { Queryable } from '#foundation/database/database.ts'

export interface PatchParts {
  issuer: string
  /** The current request's transaction, or the database. */
  db: () => Queryable
  deviceCodeSeconds: number
}

/** A change to the library's inside. */
export interface Patch {
  /** What it replaces, as paths from a provider. */
  members: readonly string[]
  /** How many parameters a replaced function takes; undefined for what is no function. */
  arity: number | undefined
  install: (provider: Provider, parts: PatchParts) => void
}
