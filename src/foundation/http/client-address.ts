import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP, isIPv6 } from 'node:net'

/** The address of whoever sent a request. */
export type ClientAddress = (request: IncomingMessage) => string

/**
 * X-Forwarded-For is read from the right, for as long as the address that added an entry is a trusted proxy: what a
 * client writes there itself never counts.
 * @param trustedProxies from TRUST_PROXY; undefined: the peer itself
 */
export function clientAddressFrom(trustedProxies: BlockList | undefined): ClientAddress {
  return (request) => {
    let address = plain(request.socket.remoteAddress ?? '')
    if (!trustedProxies) return address
    const forwarded = String(request.headers['x-forwarded-for'] ?? '').split(',')
    while (trusts(trustedProxies, address)) {
      const previous = plain(forwarded.pop()?.trim() ?? '')
      // A zone (fe80::1%eth0) means nothing to anybody but its sender, and may be of any length.
      if (!isIP(previous) || previous.includes('%')) break
      address = previous
    }
    return address
  }
}

/** What a limit counts as one address: a household or a server may own a whole IPv6 /64. */
export function networkOf(ip: string): string {
  return isIPv6(ip) ? ip.split(':').slice(0, 4).join(':') : ip
}

function trusts(proxies: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && proxies.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/** An IPv4 address as IPv4, also where the socket is a dual-stack one. */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
