import type { Provider } from 'oidc-provider'
import { installReplayDetection } from './assertion-replays.ts'
import { installWaitingLogoutTokens } from './backchannel-logout.ts'
import { installClientCredentialsScope } from './client-credentials-scope.ts'
import { installSecretHashes } from './client-secrets.ts'
import { installSlowDown } from './device-polling.ts'
import { installInteractionCookies } from './interaction-cookies.ts'
import { installOutdatedLogins } from './outdated-logins.ts'
import type { Patch, PatchParts } from './patch.ts'
import { installReuseDetection } from './refresh-token-reuse.ts'
import { installSessionConnections } from './session-connections.ts'
import { installStoredMembers } from './stored-members.ts'
import { installUnsavedSessions } from './unsaved-sessions.ts'

/**
 * Everything that we replace inside oidc-provider. Each relies on how one version of the library works, so package.json
 * pins it; a test finds what a new version has renamed.
 */
export const patches: readonly Patch[] = [
  { members: ['Client.prototype.compareClientSecret', 'Client.find'], arity: 1, install: installSecretHashes },
  { members: ['Client.prototype.backchannelLogout'], arity: 2, install: installWaitingLogoutTokens },
  { members: ['ReplayDetection.unique'], arity: 3, install: installReplayDetection },
  {
    members: ['Grant.IN_PAYLOAD', 'AccessToken.IN_PAYLOAD', 'Session.IN_PAYLOAD'],
    arity: undefined,
    install: installStoredMembers,
  },
  { members: ['Session.prototype.loginAccount'], arity: 1, install: installSessionConnections },
  { members: ['Session.prototype.persist'], arity: 0, install: installUnsavedSessions },
  { members: ['ClientCredentials.prototype.save'], arity: 0, install: installClientCredentialsScope },
  { members: ['Interaction.find'], arity: 1, install: installOutdatedLogins },
  { members: ['RefreshToken.find'], arity: 0, install: installReuseDetection },
  { members: ['DeviceCode.find'], arity: 0, install: installSlowDown },
  {
    members: ['context.cookies'],
    arity: undefined,
    install: (provider, { issuer }) => installInteractionCookies(provider, issuer),
  },
]

export function patchLibrary(provider: Provider, parts: PatchParts): void {
  for (const { install } of patches) install(provider, parts)
}
