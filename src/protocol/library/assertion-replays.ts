import type { Provider } from 'oidc-provider'
import { claimOnce } from '#foundation/database/single-use.ts'
import type { PatchParts } from './patch.ts'

/** The library looks a client assertion's `jti` up and then saves it: two requests at once would both find nothing. */
export function installReplayDetection(provider: Provider, { db }: PatchParts): void {
  provider.ReplayDetection.unique = (issuer: string, jti: string, exp: number) =>
    claimOnce(db(), `ReplayDetection:${issuer}:${jti}`, new Date(exp * 1000))
}
