import { Recent } from '#foundation/values/recent.ts'
import type { CredentialReference } from './credential.ts'
import type { LiveCredential } from './resolution.ts'

/** A credential as some answer told it, and the version of the rows that it was told from. */
export interface Known {
  version: string
  credential: LiveCredential
  /** By this process's own clock. */
  untilMs: number
}

const mostKnown = 10_000

/** A version counts transactions in 32 bits, so it would come back, but for that no hour is long enough. */
const longestMs = 3_600_000

/**
 * What of credentials need not be told again as long as their rows are the same. It decides nothing: each use asks the
 * database whether the credential works at this moment, and which version it has.
 */
export class KnownCredentials {
  #known = nothing()
  #server: string | null = null

  /** The database server whose versions these are: another one counts its own. */
  get server(): string | null {
    return this.#server
  }

  /** Forgets all that is not of `server`. */
  of(server: string): void {
    if (this.#server === server) return
    this.#server = server
    this.#known = nothing()
  }

  get(reference: CredentialReference | undefined): Known | undefined {
    const known = reference && this.#known[reference.format].get(reference.hash)
    return known && performance.now() < known.untilMs ? known : undefined
  }

  set({ format, hash }: CredentialReference, version: string, credential: LiveCredential): void {
    this.#known[format].set(hash, { version, credential, untilMs: performance.now() + longestMs })
  }
}

function nothing() {
  return { opaque: new Recent<string, Known>(mostKnown), jwt: new Recent<string, Known>(mostKnown) }
}
