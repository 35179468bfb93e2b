import type { LogRow } from '#credentials/log/log-row.ts'
import { deviceName } from '#foundation/values/device-name.ts'

/** One use as people read it. */
export interface UseInWords {
  /** Of the credential, or of whom it lets in. */
  title: string
  outcomeLabel: string
  /** `API key, checked by Inventory API` */
  what: string
  /** Of a refusal: `The key had been revoked.` */
  why: string | undefined
  /** `curl`, `Firefox on Linux`. Undefined where it was not told. */
  device: string | undefined
  /** Everything else that is known of it. */
  facts: [label: string, value: string][]
}

/** As the log's filter offers them, and an entry's pill says them. */
export const outcomeLabels: Record<LogRow['outcome'], string> = {
  accepted: 'Accepted',
  refused: 'Refused',
  denied: 'Denied',
}

const kinds: Record<string, string> = {
  api_key: 'API key',
  access_token: 'Access token',
  refresh_token: 'Refresh token',
  password: 'Password',
  connection: 'Identity provider',
  authorization_code: 'Sign-in code',
  device_code: 'Device code',
  client_secret: 'Service account',
  unknown: 'Unknown credential',
}

const reasons: Record<string, string> = {
  unknown: 'Nobody knows it here.',
  malformed: 'It is no credential at all.',
  expired: 'It had expired.',
  expired_token: 'It had expired.',
  revoked: 'It had been revoked.',
  deleted: 'It had been deleted.',
  reused: 'It had been used before, so everything that came of it ended.',
  superseded: 'A newer one had replaced it.',
  user_deactivated: 'The account is switched off.',
  membership_deactivated: 'The membership is switched off.',
  membership_removed: 'No longer a member of the organization.',
  organization_suspended: 'The organization is suspended.',
  client_deactivated: 'The application is switched off.',
  wrong_password: 'The password was wrong.',
  limited: 'There had been too many tries.',
  sso_required: 'The organization asks for its identity provider.',
  wrong_kind: 'It is for something else.',
  wrong_audience: 'It is for another API.',
  foreign_client: 'It belongs to another application.',
  foreign_organization: 'It is of another organization.',
  client_not_authenticated: 'The application did not prove who it is.',
  query_forbidden: 'The organization refuses keys in URLs.',
  access_denied: 'The person said no.',
  proof_needed: 'The account had to be proven first.',
  no_email: 'The identity provider told no address.',
  other_domain: 'The address is not of the organization.',
  connection_gone: 'The connection had been switched off.',
  permission_missing: 'Its permissions did not allow it.',
  data_scope_missing: 'It may not see these data.',
}

const waysOfPresenting: Record<string, string> = {
  bearer: 'sent as a Bearer token',
  authorization: 'sent in Authorization',
  'x-api-key': 'sent in X-API-Key',
  'apikey-header': 'sent in ApiKey',
  query: 'sent in a URL',
}

/** @param nameOf the name of a client by its id */
export function useInWords(row: LogRow, nameOf: (clientId: string | null) => string | undefined): UseInWords {
  const { credentialKind: kind, credentialName, clientId, reason, userAgent, ip } = row
  const application = nameOf(clientId)
  return {
    title: credentialName || titleOf(kind, application),
    outcomeLabel: outcomeLabels[row.outcome],
    what: whatHappened(row, application, nameOf(row.resourceServer)),
    why: reason === null ? undefined : (reasons[reason] ?? `${sentenceCase(reason.replaceAll('_', ' '))}.`),
    device: userAgent === null && ip === null ? undefined : deviceName(userAgent),
    facts: factsOf(row),
  }
}

function factsOf(row: LogRow): [label: string, value: string][] {
  const facts: [string, string | null][] = [
    ['Time', row.at.replace('T', ' ').replace('Z', ' UTC')],
    ['Person', row.userEmail],
    ['Uses', row.count > 1 ? `${row.count} within a minute` : null],
    ['Request', row.path && `${row.method ?? ''} ${row.path}`.trim()],
    [row.credentialKind === 'unknown' && row.ip?.includes('/') ? 'Network' : 'Address', row.ip],
    ['User agent', row.userAgent],
    ['Credential', row.credentialId],
    ['Asked by', row.resourceServer],
    ['Application', row.clientId],
    ['Entry', String(row.id)],
  ]
  return facts.filter((fact): fact is [string, string] => Boolean(fact[1]))
}

function titleOf(kind: string, application: string | undefined): string {
  if (kind === 'password') return 'Password'
  return application ?? kinds[kind] ?? sentenceCase(kind.replaceAll('_', ' '))
}

function whatHappened(row: LogRow, application: string | undefined, resourceServer: string | undefined): string {
  const { credentialKind: kind, via, outcome } = row
  const name = kinds[kind] ?? sentenceCase(kind.replaceAll('_', ' '))
  const to = application ? ` to ${application}` : ''
  if (via === 'sign-in') return outcome === 'accepted' ? `Signed in${to}` : `Tried to sign in${to}`
  if (via === 'introspection') return `${name}, checked by ${resourceServer ?? application ?? 'an application'}`
  if (kind === 'refresh_token' && (via === 'token' || via === 'refresh')) return 'Refresh token, to stay signed in'
  if (via === 'refresh') return `${name}, to stay signed in`
  if (kind === 'client_secret') return 'Service account, asked for a token'
  if (via === 'token') return `${name}, to finish a sign-in`
  return `${name}, ${waysOfPresenting[via] ?? `by ${via}`}`
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
