import type { LogRow } from '#credentials/log/log-row.ts'
import { deviceText } from '#foundation/messages/device-text.ts'
import { type Message, message, type Text } from '#foundation/messages/message.ts'
import { deviceName } from '#foundation/values/device-name.ts'

/** One use as people read it. */
export interface UseInWords {
  /** Of the credential, or of whom it lets in. */
  title: Text
  outcomeLabel: Message
  /** `API key, checked by Inventory API` */
  what: Message
  /** Of a refusal: `The key had been revoked.` */
  why: Text | undefined
  /** `curl`, `Firefox on Linux`. Undefined where it was not told. */
  device: Text | undefined
  /** Everything else that is known of it. */
  facts: [label: Message, value: Text][]
}

/** As the log's filter offers them, and an entry's pill says them. */
export function outcomeLabel(outcome: LogRow['outcome']): Message {
  return message(`authentication-log.outcome.${outcome}`)
}

const kinds = [
  'api_key',
  'access_token',
  'refresh_token',
  'password',
  'connection',
  'authorization_code',
  'device_code',
  'client_secret',
  'unknown',
] as const

const reasons = [
  'unknown',
  'malformed',
  'expired',
  'revoked',
  'deleted',
  'reused',
  'superseded',
  'user_deactivated',
  'membership_deactivated',
  'membership_removed',
  'organization_suspended',
  'client_deactivated',
  'wrong_password',
  'limited',
  'sso_required',
  'wrong_kind',
  'wrong_audience',
  'foreign_client',
  'foreign_organization',
  'client_not_authenticated',
  'query_forbidden',
  'access_denied',
  'proof_needed',
  'no_email',
  'other_domain',
  'connection_gone',
  'permission_missing',
  'data_scope_missing',
] as const

const waysOfPresenting = ['bearer', 'authorization', 'x-api-key', 'apikey-header', 'query'] as const

/** @param nameOf the name of a client by its id */
export function useInWords(row: LogRow, nameOf: (clientId: string | null) => string | undefined): UseInWords {
  const { credentialKind: kind, credentialName, clientId, reason, userAgent, ip } = row
  const application = nameOf(clientId)
  return {
    title: credentialName || titleOf(kind, application),
    outcomeLabel: outcomeLabel(row.outcome),
    what: whatHappened(row, application, nameOf(row.resourceServer)),
    why: reason === null ? undefined : reasonInWords(reason),
    device: userAgent === null && ip === null ? undefined : deviceText(deviceName(userAgent)),
    facts: factsOf(row),
  }
}

function reasonInWords(reason: string): Text {
  const known = reasons.find((one) => one === (reason === 'expired_token' ? 'expired' : reason))
  return known ? message(`authentication-log.reason.${known}`) : `${sentenceCase(reason.replaceAll('_', ' '))}.`
}

function factsOf(row: LogRow): [label: Message, value: Text][] {
  const isNetwork = row.credentialKind === 'unknown' && row.ip?.includes('/')
  const facts: [Message, Text | null][] = [
    [message('authentication-log.fact.time'), row.at.replace('T', ' ').replace('Z', ' UTC')],
    [message('authentication-log.fact.person'), row.userEmail],
    [
      message('authentication-log.fact.uses'),
      row.count > 1 ? message('authentication-log.fact.within_a_minute', { count: row.count }) : null,
    ],
    [message('authentication-log.fact.request'), row.path && `${row.method ?? ''} ${row.path}`.trim()],
    [message(isNetwork ? 'authentication-log.fact.network' : 'authentication-log.fact.address'), row.ip],
    [message('authentication-log.fact.user_agent'), row.userAgent],
    [message('authentication-log.fact.credential'), row.credentialId],
    [message('authentication-log.fact.asked_by'), row.resourceServer],
    [message('authentication-log.fact.application'), row.clientId],
    [message('authentication-log.fact.entry'), String(row.id)],
  ]
  return facts.filter((fact): fact is [Message, Text] => Boolean(fact[1]))
}

function titleOf(kind: string, application: string | undefined): Text {
  return kind === 'password' ? kindInWords(kind) : (application ?? kindInWords(kind))
}

function kindInWords(kind: string): Text {
  const known = kinds.find((one) => one === kind)
  return known ? message(`authentication-log.kind.${known}`) : sentenceCase(kind.replaceAll('_', ' '))
}

function whatHappened(row: LogRow, application: string | undefined, resourceServer: string | undefined): Message {
  const { credentialKind: kind, via } = row
  const credential = kindInWords(kind)
  if (via === 'sign-in') return signInInWords(row, application)
  if (via === 'introspection') {
    const by = resourceServer ?? application ?? message('authentication-log.what.an_application')
    return message('authentication-log.what.checked', { credential, by })
  }
  if (via === 'refresh' || (kind === 'refresh_token' && via === 'token')) {
    return message('authentication-log.what.to_stay', { credential })
  }
  if (kind === 'client_secret') return message('authentication-log.what.asked', { credential })
  if (via === 'token') return message('authentication-log.what.to_finish', { credential })
  const way = waysOfPresenting.find((one) => one === via)
  return way
    ? message(`authentication-log.sent.${way}`, { credential })
    : message('authentication-log.sent.otherwise', { credential, via })
}

function signInInWords({ outcome }: LogRow, application: string | undefined): Message {
  const what = outcome === 'accepted' ? 'signed_in' : 'tried'
  return application
    ? message(`authentication-log.what.${what}_to`, { application })
    : message(`authentication-log.what.${what}`)
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
