import type { ManagedClient } from '#directory/clients/managed-client-queries.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import { kindOf } from './client-kind.ts'

/** What a program does with its secret, to be copied with it. */
export function exampleOf({ issuer }: { issuer: string }, client: ManagedClient, secret: string) {
  const { clientId } = client
  const kind = kindOf(client)
  if (kind === 'web') return { ...settings, text: settingsText(issuer, clientId, secret) }
  const variable = `CLIENT_SECRET='${secret}'`
  const as = `-u "${clientId}:$CLIENT_SECRET"`
  return kind === 'api'
    ? { ...introspecting, text: `${variable}\ncurl -s ${issuer}/oauth/introspect ${as} -d token=…` }
    : { ...gettingToken, text: `${variable}\ncurl -s ${issuer}/oauth/token ${as} -d grant_type=client_credentials` }
}

interface Words {
  label: Message
  hint: Message
}

const gettingToken: Words = {
  label: message('service-accounts.get_token'),
  hint: message('service-accounts.get_token_hint'),
}
const introspecting: Words = {
  label: message('applications.introspect'),
  hint: message('applications.introspect_hint'),
}
const settings: Words = {
  label: message('applications.settings'),
  hint: message('applications.settings_hint'),
}

function settingsText(issuer: string, clientId: string, secret: string): string {
  return `OIDC_ISSUER=${issuer}\nOIDC_CLIENT_ID=${clientId}\nOIDC_CLIENT_SECRET=${secret}`
}
