import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP, isIPv4, isIPv6 } from 'node:net'

/** The address that a request came from. */
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
      // A zone (fe80::1%eth0) means something to its sender alone, and may be of any length.
      if (!isIP(previous) || previous.includes('%')) break
      address = previous
    }
    return address
  }
}

/** What a limit counts as one address: a household or a server may own a whole IPv6 /64. */
export function networkOf(ip: string): string {
  return isIPv6(ip) ? groupsOf(ip).slice(0, 4).join(':') : ip
}

/** What is around it, and may be one owner's as well: an IPv4 /24, an IPv6 /48. */
export function widerNetworkOf(ip: string): string {
  return isIPv6(ip) ? groupsOf(ip).slice(0, 3).join(':') : ip.split('.').slice(0, 3).join('.')
}

/** An address's network in CIDR notation, as a log sums up strangers by it: IPv4 /24, IPv6 /64; undefined for other texts. */
export function networkNameOf(ip: string): string | undefined {
  if (isIPv4(ip)) return `${widerNetworkOf(ip)}.0/24`
  return isIPv6(ip) && !ip.includes('%') ? `${networkOf(ip)}::/64` : undefined
}

/** The eight groups of an IPv6 address, however it is spelt. */
function groupsOf(ip: string): string[] {
  const canonical = new URL(`http://[${ip}]`).hostname.slice(1, -1)
  const [head = [], tail = []] = canonical.split('::').map((part) => part.split(':').filter(Boolean))
  return [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
}

/** The network that an address is in, as people are told where a request came from: IPv4 /24, IPv6 /48. */
export function placeOf(ip: string): string {
  if (!isIPv6(ip)) return ip.replace(/\.\d+$/, '.0/24')
  const [before = '', after = ''] = ip.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const zeros = Array.from({ length: 8 - groups(before).length - groups(after).length }, () => '0')
  return `${[...groups(before), ...zeros, ...groups(after)].slice(0, 3).join(':')}::/48`
}

function trusts(proxies: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && proxies.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/** An IPv4 address as IPv4, also where the socket is a dual-stack one; an IPv6 address in the one spelling of RFC 5952. */
function plain(address: string): string {
  if (!isIPv6(address) || address.includes('%')) return address
  const [groups, canonical] = [groupsOf(address), new URL(`http://[${address}]`).hostname.slice(1, -1)]
  if (!canonical.startsWith('::ffff:') || groups.slice(0, 5).some((group) => group !== '0')) return canonical
  const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16))
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
