import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { Agent, fetch as undiciFetch } from 'undici'

export type Fetch = typeof globalThis.fetch

const timeoutMs = 5_000
const largestAnswerBytes = 1_048_576

/**
 * Addresses that a stranger's name must not lead us to (SSRF): private, loopback, link-local, …, and IPv6
 * addresses that a gateway or tunnel turns into such IPv4 ones.
 */
const internal = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  internal.addSubnet(network, bits, 'ipv4')
}
for (const [network, bits] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  internal.addSubnet(network, bits, 'ipv6')
}

/**
 * The one way out of Gatehouse (back-channel logout, JWKS of clients, upstream providers): https only, no private or
 * loopback address after resolution, no redirects, 5 s, 1 MB.
 * @param allowedHosts `host` or `host:port` that the operator trusts although private or without https
 */
export function createOutboundFetch(allowedHosts: readonly string[]): Fetch {
  const allowed = new Set(allowedHosts)
  const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs, maxResponseSize: largestAnswerBytes }
  const open = new Agent({ ...limits, connect: { timeout: timeoutMs } })
  const guarded = new Agent({ ...limits, connect: { timeout: timeoutMs, lookup: lookupPublicAddress } })

  return (async (input: string | URL | Request, init?: RequestInit) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const trusted = allowed.has(url.host) || allowed.has(url.hostname)
    if (!trusted) refuseUnsafe(url)
    return undiciFetch(url, {
      ...(init as object),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      dispatcher: trusted ? open : guarded,
    })
  }) as unknown as Fetch
}

function refuseUnsafe(url: URL): void {
  if (url.protocol !== 'https:') throw new Error(`outbound request to ${url.host} refused: not https`)
  // An address written out is never looked up, so the guarded lookup does not see it.
  const address = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(address) && isInternal(address)) throw new Error(`outbound request to ${url.host} refused: internal address`)
}

const lookupPublicAddress: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '', 0)
    const blocked = addresses.some(({ address }) => isInternal(address))
    if (blocked) return callback(new Error(`${hostname} resolves to an internal address`), '', 0)
    const [first] = addresses
    if (options.all) return (callback as (error: null, all: typeof addresses) => void)(null, addresses)
    return callback(null, first?.address ?? '', first?.family ?? 4)
  })
}

function isInternal(address: string): boolean {
  return internal.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
