import type { ClientWithSecrets } from '#directory/clients/client-queries.ts'
import { isLoopback } from '#foundation/values/loopback.ts'
import { type Finding, findingsOf } from './finding.ts'

const soonSeconds = 14 * 86_400

/** What a client's metadata may hold, whoever wrote it. */
interface Metadata {
  require_pkce?: boolean
  response_types?: string[]
  grant_types?: string[]
  redirect_uris?: string[]
  token_endpoint_auth_method?: string
}

/** Clients that are weaker than they need be; those that are switched off aside. */
export function checkClients(clients: readonly ClientWithSecrets[]): Finding[] {
  const { findings, ok, warn, fail } = findingsOf('clients')
  const active = clients.filter(({ deactivatedAt }) => deactivatedAt === null)
  for (const client of active) {
    const name = `${client.resourceServer ? 'resource server' : 'client'} ${client.clientId}`
    const { require_pkce, response_types = [], grant_types = [], redirect_uris = [] } = client.metadata as Metadata
    if (require_pkce === false) {
      warn(
        `${name} needs no PKCE: a stolen code can be redeemed`,
        'Let it send code_challenge, then remove require_pkce: false.',
      )
    }
    const implicit = response_types.some((type) => type !== 'code' && type !== 'none')
    if (implicit || grant_types.includes('implicit') || grant_types.includes('password')) {
      fail(`${name} is registered for the implicit or the password grant`, 'Use the authorization code with PKCE.')
    }
    const plain = redirect_uris.filter(isPlainHttp)
    if (plain.length > 0) fail(`${name} is sent codes over http: ${plain.join(', ')}`, 'Register https addresses.')
    checkSecrets(client, name, { warn, fail })
  }
  if (findings.length === 0) ok(`${active.length} active, none weak`)
  return findings
}

function checkSecrets(
  { clientId, secrets, metadata }: ClientWithSecrets,
  name: string,
  { warn, fail }: Pick<ReturnType<typeof findingsOf>, 'warn' | 'fail'>,
): void {
  const method = (metadata as Metadata).token_endpoint_auth_method ?? ''
  if (!method.startsWith('client_secret_')) return
  const advice = `Give it another: gatehouse client rotate-secret ${clientId}, or in the setup file.`
  if (secrets.length === 0) fail(`${name} has no secret that works any more`, advice)
  const last = Math.max(...secrets.map(({ endsInSeconds }) => endsInSeconds ?? Number.POSITIVE_INFINITY))
  if (secrets.length > 0 && last < soonSeconds) {
    warn(`the last secret of ${name} ends in ${Math.ceil(last / 86_400)} day(s)`, advice)
  }
}

function isPlainHttp(uri: string): boolean {
  const url = URL.parse(uri)
  return url?.protocol === 'http:' && !isLoopback(url)
}
