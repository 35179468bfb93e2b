const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Whether a URL leads to this very machine, where http is as good as https. */
export function isLoopback(url: string | URL): boolean {
  return loopbackHosts.has(new URL(url).hostname)
}
