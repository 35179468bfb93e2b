import type { Queryable } from '#foundation/database/database.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { type ConnectionOwner, findConnection, listHandles } from './connection-queries.ts'

/** The identity providers that people know by name; `oidc` is any other that speaks OpenID Connect. */
export const providerKinds = ['okta', 'entra', 'google', 'github', 'keycloak', 'oidc'] as const

export type ProviderKind = (typeof providerKinds)[number]

/** What they call themselves, in every language. */
export const providerNames: Record<ProviderKind, string> = {
  okta: 'Okta',
  entra: 'Microsoft Entra ID',
  google: 'Google',
  github: 'GitHub',
  keycloak: 'Keycloak',
  oidc: 'OpenID Connect',
}

/** Of which type a connection to a provider is. */
export function typeOfKind(kind: ProviderKind): Connection['type'] {
  return kind === 'google' || kind === 'github' ? kind : 'oidc'
}

/** Which provider a connection leads to, as its issuer looks. */
export function providerKindOf({ type, issuer }: Pick<Connection, 'type' | 'issuer'>): ProviderKind {
  if (type !== 'oidc') return type
  const url = URL.parse(issuer ?? '')
  if (!url) return 'oidc'
  if (/\.(okta|oktapreview|okta-emea)\.com$/.test(url.hostname)) return 'okta'
  if (url.hostname === 'login.microsoftonline.com') return 'entra'
  return /\/realms\/[^/]+$/.test(url.pathname) ? 'keycloak' : 'oidc'
}

/**
 * The issuer that somebody means who has entered what their provider calls it: Okta's domain, Microsoft's tenant id. What
 * is an address already stays as it is.
 */
export function issuerMeant(kind: ProviderKind, entered: string): string {
  const text = entered.trim()
  if (text === '' || text.includes('://')) return text
  if (kind === 'okta' && /^[a-z0-9.-]+\.[a-z]+\/?$/i.test(text)) return `https://${text.replace(/\/$/, '')}`
  if (kind === 'entra' && /^[a-z0-9.-]+$/i.test(text)) return `https://login.microsoftonline.com/${text}/v2.0`
  return text
}

const mostTried = 9

/**
 * A name for a new connection that also stands in its addresses, so that these can be told before it is made.
 * @returns the base itself, else with a number; undefined when all of these are taken
 */
export async function freeConnectionName(
  db: Queryable,
  owner: ConnectionOwner,
  base: string,
): Promise<string | undefined> {
  const numbered = Array.from({ length: mostTried - 1 }, (_, index) => `${base.slice(0, longestName - 2)}-${index + 2}`)
  const candidates = [base.slice(0, longestName), ...numbered]
  const taken = new Set((await listHandles(db, candidates)).map(({ handle }) => handle))
  for (const name of candidates) {
    if (!taken.has(name) && !(await findConnection(db, owner, name))) return name
  }
  return undefined
}

const longestName = 63
