import type { Grants } from './grants.ts'

/** How many of each are named; all are counted. */
export const mostNamed = 100

/** What a change would take away, from whom. */
export interface Impact {
  people: { user: PersonName; lost: Grants }[]
  apiKeys: { id: string; name: string; user: PersonName; lost: Grants; lastUsedAt: Date | null }[]
  serviceAccounts: { clientId: string; lost: Grants; lastUsedAt: Date | null }[]
  /** Of the organization's members, keys and service accounts, all who lose something. */
  counts: { people: number; apiKeys: number; serviceAccounts: number }
}

export interface PersonName {
  id: string
  email: string
  name: string
}
