import type { CreateApiKeyParts } from '#authentication/api-keys/create-api-key.ts'
import type { SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'

/** A request for a page about keys: one's own under `/account`, those of the organization under `/admin`. */
export interface ApiKeyRequest extends SignedInRequest, CreateApiKeyParts {
  /** Of the list, which the other pages are below. */
  at: string
}
