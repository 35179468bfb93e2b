/**
 * What `form-action` must allow so that a form's answer may redirect to `uri`: its origin, or the scheme of a native
 * app's URI. Browsers hold the redirects that follow a POST to the page's policy.
 */
export function formTargetOf(uri: string): string {
  const { origin, protocol } = new URL(uri)
  return origin === 'null' ? protocol : origin
}
