import type { Json } from './plain-schema.ts'

const description = {
  oauth2:
    'An access token, got by signing a person in or by client credentials. No scope is asked for: rights are looked up.',
  bearer: 'An access token, or an API key',
  apiKey: 'An API key',
  apiKeyHeader: 'An API key, in the header that older programs send',
  apiKeyQuery: 'An API key, for programs that can set no header; an organization may forbid it',
  clientBasic: 'Client id and secret (RFC 6749 §2.3.1), each form-encoded',
} as const

export type SecurityScheme = keyof typeof description

/** `components.securitySchemes`. */
export function securitySchemes(issuer: string): Record<SecurityScheme, Json> {
  const tokenUrl = `${issuer}/oauth/token`
  const scopes = {
    openid: 'An id token',
    profile: 'The person’s name',
    email: 'The person’s e-mail address',
    offline_access: 'A refresh token that outlives the sign-in',
  }
  const flows = {
    authorizationCode: { authorizationUrl: `${issuer}/oauth/authorize`, tokenUrl, refreshUrl: tokenUrl, scopes },
    clientCredentials: { tokenUrl, scopes: {} },
  }
  const schemes: Record<SecurityScheme, Json> = {
    oauth2: { type: 'oauth2', flows },
    bearer: { type: 'http', scheme: 'bearer' },
    apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
    apiKeyHeader: { type: 'apiKey', in: 'header', name: 'ApiKey' },
    apiKeyQuery: { type: 'apiKey', in: 'query', name: 'ApiKey' },
    clientBasic: { type: 'http', scheme: 'basic' },
  }
  for (const name of Object.keys(schemes) as SecurityScheme[]) schemes[name].description = description[name]
  return schemes
}
