import { apiKeyPattern } from './api-key.ts'

/**
 * An address on our own origin as it may be kept and shown: without the query parameter `ApiKey`, in any case. One that
 * still holds an API key, escaped or not, is not kept at all.
 * @returns undefined when nothing may be kept
 */
export function withoutKeys(target: string): string | undefined {
  const [path = '', query] = target.split('?', 2)
  const parameters = new URLSearchParams(query)
  const named = [...parameters.keys()].filter((name) => name.toLowerCase() === 'apikey')
  for (const name of named) parameters.delete(name)
  const kept = named.length === 0 ? target : parameters.size === 0 ? path : `${path}?${parameters}`
  return holdsKey(kept) ? undefined : kept
}

function holdsKey(target: string): boolean {
  try {
    return decodeURIComponent(target).search(apiKeyPattern) >= 0
  } catch {
    // What is escaped badly cannot be told, and is no address of ours.
    return true
  }
}
