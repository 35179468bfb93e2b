import type { Provider } from 'oidc-provider'
import { claimOnce, isClaimed } from '#foundation/database/single-use.ts'
import { currentExchange } from '#protocol/request/token-exchange.ts'
import type { PatchParts } from './patch.ts'

/**
 * The library looks a client assertion's `jti` up and then saves it: two requests at once would both find nothing. A token
 * request claims it with all else that it does.
 */
export function installReplayDetection(provider: Provider, { db }: PatchParts): void {
  provider.ReplayDetection.unique = async (issuer: string, jti: string, exp: number) => {
    const [name, expiresAt] = [`ReplayDetection:${issuer}:${jti}`, new Date(exp * 1000)]
    const exchange = currentExchange()
    if (!exchange) return claimOnce(db(), name, expiresAt)
    if (await isClaimed(db(), name)) return false
    exchange.assertions.push({ name, expiresAt })
    return true
  }
}
