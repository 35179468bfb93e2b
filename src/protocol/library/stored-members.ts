import type { Provider } from 'oidc-provider'

/**
 * What models are stored with beside the library's own members, which IN_PAYLOAD names: a grant's organization and the
 * session that gave it, the refresh token that an access token came with, the connections that a session went through.
 */
const members = {
  Grant: ['organizationId', 'sessionUid'],
  AccessToken: ['refreshTokenHash'],
  Session: ['connections'],
} as const

export function installStoredMembers(provider: Provider): void {
  for (const [model, more] of Object.entries(members)) {
    const library = provider[model as keyof typeof members] as { IN_PAYLOAD: string[] }
    const names = [...library.IN_PAYLOAD, ...more]
    Object.defineProperty(library, 'IN_PAYLOAD', { get: () => names })
  }
}
