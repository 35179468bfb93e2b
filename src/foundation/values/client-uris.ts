import { z } from 'zod'
import { isLoopback } from './loopback.ts'

/** RFC 3986's characters except `*`: what a browser would repair, strip or expand is not an exact URI. */
const exactCharacters = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()+,;=%]+$/

/** RFC 8252 §7.1: a private-use scheme is a domain name in reverse order. */
const reverseDomainScheme = /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:$/

/** A page that people may open. */
export const httpUri = z
  .url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
  .max(2000, 'must be at most 2000 characters')

/**
 * Whether a browser may be sent there: https anywhere, http on loopback only, a reverse-domain scheme only for a native
 * client. Everything else, `javascript:` and `data:` first of all, could run in our origin or leak the code.
 */
export function isRedirectUri(value: string, applicationType: 'web' | 'native'): boolean {
  const url = parseExact(value)
  if (!url) return false
  const loopback = isLoopback(url)
  if (url.protocol === 'https:') return applicationType === 'web' || !loopback
  if (url.protocol === 'http:') return loopback
  return applicationType === 'native' && reverseDomainScheme.test(url.protocol) && /^[^:]+:\/./.test(value)
}

/** Whether we may call it: https, or http on loopback. */
export function isCallbackUri(value: string): boolean {
  const url = parseExact(value)
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url))
}

/** RFC 8707 §2: an absolute URI without fragment. It is compared, never fetched. */
export function isResourceIdentifier(value: string): boolean {
  return parseExact(value) !== undefined
}

function parseExact(value: string): URL | undefined {
  if (!exactCharacters.test(value) || value.includes('#')) return undefined
  const url = URL.parse(value)
  if (!url || url.username || url.password) return undefined
  // `https:example.com` and `https:///example.com` parse too: browsers guess what was meant, we don't.
  if (/^https?:$/.test(url.protocol) && !/^https?:\/\/[^/]/.test(value)) return undefined
  return url
}
