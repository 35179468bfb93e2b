import { networkOf, widerNetworkOf } from './client-address.ts'
import type { CreateRateLimit } from './rate-limit.ts'

/** Counts one try from an address. @returns 0 when it is allowed, else after how many seconds to come back */
export type NetworkLimit = (ip: string) => Promise<number>

/** How much more a wider network may do than one address in it. */
const widerFactor = 4

/**
 * Counts by address (IPv4 /32, IPv6 /64), and with more room by the network around it (IPv4 /24, IPv6 /48), which may be
 * one owner's as well.
 */
export function networkLimit(
  createRateLimit: CreateRateLimit,
  { name, points, seconds }: { name: string; points: number; seconds: number },
): NetworkLimit {
  const near = createRateLimit({ name, points, seconds })
  const wider = createRateLimit({ name: `${name}-wider`, points: points * widerFactor, seconds })
  return async (ip) => (await near.take(networkOf(ip))) || (await wider.take(widerNetworkOf(ip)))
}
