import type { ProviderKind } from '#authentication/connections/provider-kind.ts'
import type { MessageKey } from '#foundation/messages/catalogue.ts'
import { type Message, message, type Text } from '#foundation/messages/message.ts'

/** Addresses of ours that are registered at a provider. */
type Addresses = Record<'callback' | 'signed_out' | 'homepage', string>

interface GuideStep {
  /** The entry of the catalogues: it holds elements, which the view makes. */
  text: MessageKey
  /** What to copy into the provider's form, under the provider's own names of its fields. */
  copies: { id: string; label: Text; value: string }[]
}

/** What there is to do at a provider, step by step, and what its values are called. */
export interface Guide {
  steps: GuideStep[]
  /** How to have it tell groups; a provider that tells none has nothing here. */
  groups: MessageKey | undefined
  fields: {
    /** Undefined where it is known. */
    issuer: { label: Text; hint: Message; example: string; optional: boolean } | undefined
    clientId: Text
    clientSecret: { label: Text; optional: boolean }
  }
}

/** What of our addresses each provider wants, at the step that speaks of addresses. */
const copied: Record<ProviderKind, readonly (keyof Addresses)[]> = {
  okta: ['callback', 'signed_out'],
  entra: ['callback', 'signed_out'],
  google: ['callback'],
  github: ['homepage', 'callback'],
  keycloak: ['callback', 'signed_out'],
  oidc: ['callback', 'signed_out'],
}

const examples: Record<ProviderKind, string> = {
  okta: 'https://acme.okta.com',
  entra: 'https://login.microsoftonline.com/<tenant>/v2.0',
  google: '',
  github: 'https://github.acme.example',
  keycloak: 'https://<host>/realms/<realm>',
  oidc: 'https://id.acme.example',
}

type Label = keyof Addresses | 'client_id' | 'client_secret'

/** Of those whose pages for administrators speak English only. */
const english: Partial<Record<ProviderKind, Partial<Record<Label, string>>>> = {
  okta: {
    callback: 'Sign-in redirect URIs',
    signed_out: 'Sign-out redirect URIs',
    client_id: 'Client ID',
    client_secret: 'Client secret',
  },
  github: {
    callback: 'Authorization callback URL',
    homepage: 'Homepage URL',
    client_id: 'Client ID',
    client_secret: 'Client secret',
  },
  keycloak: {
    callback: 'Valid redirect URIs',
    signed_out: 'Valid post logout redirect URIs',
    client_id: 'Client ID',
    client_secret: 'Client Secret',
  },
}

/** What a provider calls a field of its own form, or a value that it shows. */
function labelOf(kind: ProviderKind, what: Label): Text {
  return english[kind]?.[what] ?? message(`connections.${kind}.field_${what}` as 'connections.oidc.field_callback')
}

const withoutGroups: readonly ProviderKind[] = ['github', 'google']

export function guideOf(kind: ProviderKind, addresses: Addresses): Guide {
  const copies = copied[kind].map((what) => ({
    id: `copy-${what}`,
    label: labelOf(kind, what),
    value: addresses[what],
  }))
  const steps = orderOf(kind).map((step) => ({
    text: `connections.${kind}.step_${step}` as const,
    copies: step === 'addresses' ? copies : [],
  }))
  return { steps, groups: groupsGuideOf(kind), fields: fieldsOf(kind) }
}

/** Keycloak asks for addresses last. */
function orderOf(kind: ProviderKind) {
  const order = ['app', 'addresses', 'people', 'values'] as const
  return kind === 'keycloak' ? (['app', 'people', 'addresses', 'values'] as const) : order
}

/** How to have a provider tell groups. */
export function groupsGuideOf(kind: ProviderKind): MessageKey | undefined {
  if (withoutGroups.includes(kind)) return undefined
  return `connections.${kind}.groups` as 'connections.okta.groups'
}

/** What a provider calls the values that are pasted here. */
export function fieldsOf(kind: ProviderKind): Guide['fields'] {
  return {
    issuer:
      kind === 'google'
        ? undefined
        : {
            label: message(`connections.${kind}.issuer` as 'connections.okta.issuer'),
            hint: message(`connections.${kind}.issuer_hint` as 'connections.okta.issuer_hint', {
              example: examples[kind],
            }),
            example: examples[kind],
            optional: kind === 'github',
          },
    clientId: labelOf(kind, 'client_id'),
    clientSecret: { label: labelOf(kind, 'client_secret'), optional: kind === 'oidc' },
  }
}
