import { isLoopback } from '#foundation/values/loopback.ts'
import { type Finding, findingsOf, reasonOf } from './finding.ts'

const patienceMs = 5_000

/** Asks for the metadata where clients do: through whatever proxy, name server and certificate there is. */
export async function checkOutside(issuer: string): Promise<Finding[]> {
  const { findings, ok, warn, fail } = findingsOf('issuer')
  const url = `${issuer}/.well-known/openid-configuration`
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(patienceMs) })
    const metadata = response.ok ? ((await response.json()) as { issuer?: unknown }) : {}
    if (response.status !== 200) {
      fail(
        `${url} answers with status ${response.status}`,
        'Let the proxy pass every path on to Gatehouse, with the Host that people ask for.',
      )
    } else if (metadata.issuer !== issuer) {
      fail(
        `${url} names another issuer: ${JSON.stringify(metadata.issuer)}`,
        'Set ISSUER to the same address on every node, and let the proxy lead to them.',
      )
    } else ok(`${url} answers, and names it`)
  } catch (error) {
    const message = `${url} can't be read: ${reasonOf(error)}`
    if (isLoopback(issuer)) warn(message, 'Start the server, if it should run.')
    else fail(message, 'Check DNS, firewall, the proxy and its certificate; it must be valid for clients, too.')
  }
  return findings
}
