import type { ManagedClient } from '#directory/clients/managed-client-queries.ts'

/** What people take a client for; it decides which of its members their pages ask for. */
export type ClientKind = ApplicationKind | 'service_account'

/** An application with a secret, one without (public, PKCE), an API that introspects. */
export type ApplicationKind = (typeof applicationKinds)[number]

export const applicationKinds = ['web', 'public', 'api'] as const

export function kindOf({ resourceServer, metadata }: Pick<ManagedClient, 'resourceServer' | 'metadata'>): ClientKind {
  if (resourceServer) return 'api'
  const grantTypes = grantTypesOf({ metadata })
  if (grantTypes.length === 1 && grantTypes[0] === 'client_credentials') return 'service_account'
  return metadata.token_endpoint_auth_method === 'none' ? 'public' : 'web'
}

export function grantTypesOf({ metadata }: Pick<ManagedClient, 'metadata'>): string[] {
  return listOf(metadata.grant_types)
}

/** A member of the metadata that is a list; empty, where there is none. */
export function listOf(member: unknown): string[] {
  return Array.isArray(member) ? member.map(String) : []
}
